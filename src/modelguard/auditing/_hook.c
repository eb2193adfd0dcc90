/* The audit hook (PEP 578), so that events which nobody here listens to cost next to nothing.

   A hook cannot be removed: one is added for the life of the process, and what it looks at is switched in `hook.py`.
   Of the globals that an unpickler looks up, the ordinary ones are passed here, by tables that Python has made; Python
   is asked about the first of each module and about each name that is not ordinary. Any fault refuses.

   All state belongs to the main interpreter and is read and changed with its lock held. Another interpreter has objects
   of its own: there, nothing is looked at, and globals are refused where the watch is `closed`. */

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stdint.h>
#include <string.h>

#define LISTENED 64    /* events; more are refused by listen() */
#define MODULES 65536  /* rules kept; a pickle that names more modules than this makes them anew */
#define SHAPES 256     /* first letters of names */

#if PY_VERSION_HEX >= 0x030D0000
#define IS_FINALIZING Py_IsFinalizing()
#else
#define IS_FINALIZING _Py_IsFinalizing()
#endif

static const char GLOBAL[] = "pickle.find_class";
static const char END[] = "cpython._PySys_ClearAuditHooks";

static struct {
    char name[48];
    size_t length;
    PyObject *callback;
} listened[LISTENED];
static int listening;
static uint64_t lengths; /* bit n: an event of n letters is listened to */

static int installed, watching, closed;
static PyInterpreterState *home;
static PyObject *rules, *rule_of, *decide, *walks;
static PyObject *last_module, *last_rule;
static uint64_t walk_shapes[SHAPES]; /* by first letter, bit n: one of `walks` has n letters, or 63 or more */
static unsigned char letters[256]; /* what an identifier is made of: 1 anywhere, 2 not in front */

static _Thread_local int busy; /* in Python on behalf of the hook: what that does is not looked at */

static PyObject *called(PyObject *callable, PyObject *first, PyObject *second)
{
    Py_INCREF(callable); /* it may be exchanged while it runs */
    busy = 1;
    PyObject *found = PyObject_CallFunctionObjArgs(callable, first, second, NULL);
    busy = 0;
    Py_DECREF(callable);
    return found;
}

static int ask(PyObject *module, PyObject *name)
{
    if (IS_FINALIZING) { /* Python can no longer answer */
        if (!closed)
            return 0;
        PyErr_SetString(PyExc_RuntimeError, "modelguard: nothing is unpickled while the interpreter ends");
        return -1;
    }
    PyObject *found = called(decide, module, name);
    Py_XDECREF(found);
    return found == NULL ? -1 : 0;
}

/* Returns the rule of a module, which the caller owns, or NULL with an error. */
static PyObject *rule_for(PyObject *module)
{
    if (module == last_module)
        return Py_NewRef(last_rule);
    PyObject *rule = Py_XNewRef(PyDict_GetItemWithError(rules, module));
    if (rule == NULL) {
        if (PyErr_Occurred() || IS_FINALIZING)
            return PyErr_Occurred() ? NULL : Py_NewRef(Py_Ellipsis);
        PyObject *table = Py_NewRef(rules);
        rule = called(rule_of, module, NULL);
        if (rule != NULL) {
            if (PyDict_GET_SIZE(table) >= MODULES)
                PyDict_Clear(table);
            if (PyDict_SetItem(table, module, rule) < 0)
                Py_CLEAR(rule);
        }
        int same = table == rules;
        Py_DECREF(table);
        if (rule == NULL || !same)
            return rule;
    }
    PyObject *module_before = last_module, *rule_before = last_rule;
    last_module = Py_NewRef(module);
    last_rule = Py_NewRef(rule);
    Py_XDECREF(module_before);
    Py_XDECREF(rule_before);
    return rule;
}

/* Returns 1 for a plain identifier of ASCII letters that leads nowhere else, 0 for anything else, -1 on an error. */
static int is_plain(PyObject *name)
{
    if (!PyUnicode_IS_COMPACT_ASCII(name))
        return 0;
    const unsigned char *text = PyUnicode_1BYTE_DATA(name);
    Py_ssize_t length = PyUnicode_GET_LENGTH(name);
    if (length == 0 || letters[text[0]] != 1)
        return 0;
    for (Py_ssize_t index = 1; index < length; index++)
        if (!letters[text[index]])
            return 0;
    if (!(walk_shapes[text[0]] >> (length < 63 ? length : 63) & 1))
        return 1;
    int walk = PySet_Contains(walks, name);
    return walk < 0 ? -1 : !walk;
}

static int look_at_global(PyObject *arguments)
{
    if (busy)
        return 0;
    if (PyInterpreterState_Get() != home) {
        if (!closed)
            return 0;
        PyErr_SetString(PyExc_RuntimeError, "modelguard: globals are not unpickled in another interpreter");
        return -1;
    }
    PyObject *module = PyTuple_GET_SIZE(arguments) > 0 ? PyTuple_GET_ITEM(arguments, 0) : Py_None;
    PyObject *name = PyTuple_GET_SIZE(arguments) > 1 ? PyTuple_GET_ITEM(arguments, 1) : Py_None;
    if (!PyUnicode_CheckExact(module) || !PyUnicode_CheckExact(name))
        return ask(module, name);
    PyObject *rule = rule_for(module);
    if (rule == NULL)
        return -1;
    int passed; /* None: plain names pass; a frozenset: plain names pass but these; a set: only these pass */
    if (rule == Py_None)
        passed = is_plain(name);
    else if (PyFrozenSet_CheckExact(rule)) {
        int named = PySet_Contains(rule, name);
        passed = named < 0 ? -1 : named ? 0 : is_plain(name);
    } else
        passed = Py_IS_TYPE(rule, &PySet_Type) ? PySet_Contains(rule, name) : 0;
    Py_DECREF(rule);
    return passed < 0 ? -1 : passed ? 0 : ask(module, name);
}

static int tell(int index, const char *event, PyObject *arguments)
{
    if (busy || PyInterpreterState_Get() != home || IS_FINALIZING)
        return 0;
    PyObject *text = PyUnicode_FromString(event);
    if (text == NULL)
        return -1;
    PyObject *found = called(listened[index].callback, text, arguments);
    Py_DECREF(text);
    Py_XDECREF(found);
    return found == NULL ? -1 : 0;
}

static int hook(const char *event, PyObject *arguments, void *Py_UNUSED(data))
{
    if (strcmp(event, GLOBAL) == 0)
        return watching ? look_at_global(arguments) : 0;
    size_t length = strlen(event);
    if (length < 64 && (lengths >> length & 1))
        for (int index = 0; index < listening; index++)
            if (listened[index].length == length && memcmp(event, listened[index].name, length) == 0)
                return tell(index, event, arguments);
    if (length == sizeof END - 1 && memcmp(event, END, length) == 0)
        installed = watching = listening = 0; /* the objects go with the interpreter */
    return 0;
}

static PyObject *listen(PyObject *Py_UNUSED(self), PyObject *events)
{
    if (!PyDict_CheckExact(events) || PyDict_GET_SIZE(events) > LISTENED)
        return PyErr_Format(PyExc_TypeError, "listen: a dict of at most %d events", LISTENED);
    PyObject *name, *callback, *before[LISTENED];
    Py_ssize_t place = 0;
    while (PyDict_Next(events, &place, &name, &callback)) {
        const char *text = PyUnicode_AsUTF8(name);
        if (text == NULL)
            return NULL;
        if (strlen(text) >= sizeof listened[0].name)
            return PyErr_Format(PyExc_ValueError, "listen: %R is too long", name);
    }
    int count = 0, old = listening;
    for (int index = 0; index < old; index++)
        before[index] = listened[index].callback;
    lengths = 0;
    place = 0;
    while (PyDict_Next(events, &place, &name, &callback)) { /* nothing here runs Python: the table is never half made */
        strcpy(listened[count].name, PyUnicode_AsUTF8(name));
        listened[count].length = strlen(listened[count].name);
        listened[count].callback = Py_NewRef(callback);
        lengths |= (uint64_t)1 << listened[count].length;
        count++;
    }
    listening = count;
    for (int index = 0; index < old; index++)
        Py_DECREF(before[index]);
    Py_RETURN_NONE;
}

static PyObject *watch(PyObject *Py_UNUSED(self), PyObject *arguments)
{
    PyObject *new_rules, *new_rule_of, *new_decide, *new_walks;
    int new_closed;
    if (!PyArg_ParseTuple(arguments, "O!OOO!p", &PyDict_Type, &new_rules, &new_rule_of, &new_decide,
                          &PyFrozenSet_Type, &new_walks, &new_closed))
        return NULL;
    uint64_t shapes[SHAPES] = {0};
    PyObject *steps = PyObject_GetIter(new_walks), *step;
    if (steps == NULL)
        return NULL;
    while ((step = PyIter_Next(steps)) != NULL) {
        Py_ssize_t length;
        const char *text = PyUnicode_AsUTF8AndSize(step, &length);
        if (text != NULL)
            shapes[(unsigned char)text[0]] |= (uint64_t)1 << (length < 63 ? length : 63);
        Py_DECREF(step);
        if (text == NULL)
            break;
    }
    Py_DECREF(steps);
    if (PyErr_Occurred())
        return NULL;
    PyObject *before[] = {rules, rule_of, decide, walks, last_module, last_rule};
    memcpy(walk_shapes, shapes, sizeof shapes);
    rules = Py_NewRef(new_rules);
    rule_of = Py_NewRef(new_rule_of);
    decide = Py_NewRef(new_decide);
    walks = Py_NewRef(new_walks);
    last_module = last_rule = NULL;
    closed = new_closed;
    watching = 1;
    for (size_t index = 0; index < Py_ARRAY_LENGTH(before); index++)
        Py_XDECREF(before[index]);
    Py_RETURN_NONE;
}

static PyObject *unwatch(PyObject *Py_UNUSED(self), PyObject *Py_UNUSED(none))
{
    watching = 0; /* the tables stay until the next watch: another thread may be reading them */
    Py_RETURN_NONE;
}

static PyObject *install(PyObject *Py_UNUSED(self), PyObject *Py_UNUSED(none))
{
    if (!installed) {
        home = PyInterpreterState_Get();
        if (PySys_AddAuditHook(hook, NULL) < 0)
            return NULL;
        installed = 1;
    }
    Py_RETURN_NONE;
}

static int fill(PyObject *module)
{
    if (PyInterpreterState_Get() != PyInterpreterState_Main()) {
        PyErr_SetString(PyExc_ImportError, "the audit hook is of the main interpreter");
        return -1;
    }
    for (int letter = 0; letter < 128; letter++)
        letters[letter] = Py_ISALPHA(letter) || letter == '_' ? 1 : Py_ISDIGIT(letter) ? 2 : 0;
    return PyModule_AddIntConstant(module, "INTERFACE", 1);
}

static PyMethodDef methods[] = {
    {"install", install, METH_NOARGS, PyDoc_STR("Add the hook to the process, once.")},
    {"listen", listen, METH_O, PyDoc_STR("Call these, and no others, at these events: {event: callable}.")},
    {"watch", watch, METH_VARARGS, PyDoc_STR("Look at globals: (rules, rule_of, decide, walks, closed).")},
    {"unwatch", unwatch, METH_NOARGS, PyDoc_STR("Look at no globals.")},
    {NULL, NULL, 0, NULL},
};

static PyModuleDef_Slot slots[] = {
    {Py_mod_exec, fill},
#ifdef Py_mod_multiple_interpreters
    {Py_mod_multiple_interpreters, Py_MOD_MULTIPLE_INTERPRETERS_NOT_SUPPORTED},
#endif
    {0, NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, "_hook", "The audit hook; see hook.py.", 0, methods, slots, NULL, NULL, NULL,
};

PyMODINIT_FUNC PyInit__hook(void)
{
    return PyModuleDef_Init(&definition);
}
