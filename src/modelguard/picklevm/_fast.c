/* Runs the opcodes that only move constants about, for the machine in machine.py; every other opcode is left to it.

   The compiled loop is optional: it does what the Python loop does with the same objects, only faster, and returns
   before any opcode that it does not know, that could go wrong, or about which something has to be written down. */

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <structmember.h> /* until 3.11 PyMemberDef is there */
#include <string.h>

#define MARGIN 272 /* as in window.py */

static PyObject *table_type, *called_type, *held_type, *lost_type, *float_value;
static PyObject *named_type, *unbuilt, *opcode_names[2];
/* Where the slots of the machine's classes lie within their objects; `configure` finds out. */
static struct { Py_ssize_t flat, odd; } table_slots;
static struct { Py_ssize_t arguments, filled, odd, offset, opcode, state, target; } called_slots;
static struct { Py_ssize_t quiet, listed, module, name; } named_slots;
static struct { Py_ssize_t id; } held_slots;
static Py_ssize_t kept_items, kept_pairs, kept_tuple, kept_bytes, far_index;
static unsigned char heads[256], base64[256];

/* What may be done here about a global, bits of `Named.quiet`; see objects.py. */
enum { ANY_REDUCE = 1, ANY_NEWOBJ = 2, TENSOR = 4, BARE = 8, ITEMS = 16, STATE = 32, FIELDS = 64, ACTS = 128 };

/* Whether the text may carry a pickle, as `carriers.may_carry_text` has it but never less often. */
static int may_carry(const unsigned char *text, Py_ssize_t length)
{
    if (length < 20 || !heads[text[0]])
        return 0;
    if (memchr(text, '\n', length) || memchr(text, '\\', length) || memchr(text, 0xC2, length))
        return 1;
    for (int index = 0; index < 16; index++)
        if (!base64[text[index]])
            return 0;
    return 1;
}

static int push(PyObject *stack, PyObject *value) /* steals the value */
{
    if (value == NULL)
        return -1;
    int failed = PyList_Append(stack, value);
    Py_DECREF(value);
    return failed;
}

static PyObject *pop(PyObject *stack) /* the caller knows that there is one, and owns it then */
{
    Py_ssize_t size = PyList_GET_SIZE(stack) - 1;
    PyObject *value = PyList_GET_ITEM(stack, size);
    Py_SET_SIZE(stack, size); /* the room stays: values come and go all the time */
    return value;
}

static void drop(PyObject *stack, Py_ssize_t count)
{
    while (count-- > 0)
        Py_DECREF(pop(stack));
}

/* A slot without a reference of its own: nothing runs that could take the value away while it is looked at. */
static PyObject *slot(PyObject *object, Py_ssize_t offset)
{
    PyObject *value = *(PyObject **)((char *)object + offset);
    return value == NULL ? Py_None : value;
}

static void set_slot(PyObject *object, Py_ssize_t offset, PyObject *value) /* steals the value */
{
    Py_XSETREF(*(PyObject **)((char *)object + offset), value);
}

static int remember(PyObject *memo, Py_ssize_t index, PyObject *stack)
{
    PyObject *key = PyLong_FromSsize_t(index);
    if (key == NULL)
        return -1;
    int failed = PyDict_SetItem(memo, key, PyList_GET_ITEM(stack, PyList_GET_SIZE(stack) - 1));
    Py_DECREF(key);
    return failed;
}

/* Returns 1 when it was pushed, 0 when there is no such entry, -1 on an error. */
static int recall(PyObject *memo, Py_ssize_t index, PyObject *stack)
{
    PyObject *key = PyLong_FromSsize_t(index);
    if (key == NULL)
        return -1;
    PyObject *value = PyDict_GetItemWithError(memo, key);
    Py_DECREF(key);
    if (value == NULL)
        return PyErr_Occurred() ? -1 : 0;
    return PyList_Append(stack, value) < 0 ? -1 : 1;
}

static PyObject *new_table(void)
{
    PyTypeObject *type = (PyTypeObject *)table_type;
    PyObject *flat = PyList_New(0), *table = flat == NULL ? NULL : type->tp_alloc(type, 0);
    if (table == NULL) {
        Py_XDECREF(flat);
        return NULL;
    }
    set_slot(table, table_slots.flat, flat);
    set_slot(table, table_slots.odd, Py_NewRef(Py_None));
    return table;
}

static int is_a(PyObject *object, PyObject *type)
{
    return object != NULL && (PyObject *)Py_TYPE(object) == type;
}

/* The bits of a global, 0 for anything else. */
static long quiet_of(PyObject *named)
{
    return is_a(named, named_type) ? PyLong_AsLong(slot(named, named_slots.quiet)) : 0;
}

/* Whether one of the values `items[from:]` is a global that only its own checked calls may use. */
static int has_acting(PyObject *items, Py_ssize_t from)
{
    for (Py_ssize_t index = from; index < PyList_GET_SIZE(items); index++)
        if (quiet_of(PyList_GET_ITEM(items, index)) & ACTS)
            return 1;
    return 0;
}

static int is_named(PyObject *named, const char *module, const char *name)
{
    return is_a(named, named_type) && PyUnicode_CompareWithASCIIString(slot(named, named_slots.name), name) == 0
        && PyUnicode_CompareWithASCIIString(slot(named, named_slots.module), module) == 0;
}

/* As `_no_hooks` in quick.py. */
static int no_hooks(PyObject *value)
{
    if (value == Py_None)
        return 1;
    if (is_a(value, table_type)) {
        PyObject *flat = slot(value, table_slots.flat);
        return PyList_CheckExact(flat) && PyList_GET_SIZE(flat) == 0;
    }
    if (!is_a(value, called_type))
        return 0;
    PyObject *arguments = slot(value, called_slots.arguments);
    return PyTuple_CheckExact(arguments) && PyTuple_GET_SIZE(arguments) == 0 && slot(value, called_slots.filled) == Py_False
        && slot(value, called_slots.state) == unbuilt && is_named(slot(value, called_slots.target), "collections", "OrderedDict");
}

/* A number that is not negative, or -1. */
static long long number(PyObject *value)
{
    int overflow = 0;
    if (!PyLong_CheckExact(value))
        return -1;
    long long found = PyLong_AsLongLongAndOverflow(value, &overflow);
    return overflow ? -1 : found;
}

/* As `_tensor` in quick.py. */
static int is_fine_tensor(PyObject *arguments)
{
    if (PyTuple_GET_SIZE(arguments) != 6 || !is_a(PyTuple_GET_ITEM(arguments, 0), held_type))
        return 0;
    PyObject *id = slot(PyTuple_GET_ITEM(arguments, 0), held_slots.id);
    PyObject *sides = PyTuple_GET_ITEM(arguments, 2), *steps = PyTuple_GET_ITEM(arguments, 3);
    if (!PyTuple_CheckExact(id) || PyTuple_GET_SIZE(id) < 5 || PyTuple_GET_SIZE(id) > 6 || !PyTuple_CheckExact(sides) || !PyTuple_CheckExact(steps)
        || PyTuple_GET_SIZE(sides) != PyTuple_GET_SIZE(steps))
        return 0;
    PyObject *word = PyTuple_GET_ITEM(id, 0), *kind = PyTuple_GET_ITEM(id, 1);
    if (!PyBytes_CheckExact(word) || PyBytes_GET_SIZE(word) != 7 || memcmp(PyBytes_AS_STRING(word), "storage", 7) != 0)
        return 0;
    if (!is_a(kind, named_type) || slot(kind, named_slots.listed) != Py_True)
        return 0;
    long long length = number(PyTuple_GET_ITEM(id, 4)), last = number(PyTuple_GET_ITEM(arguments, 1));
    if (length < 0 || last < 0)
        return 0;
    for (Py_ssize_t index = 0; index < PyTuple_GET_SIZE(sides); index++) {
        long long side = number(PyTuple_GET_ITEM(sides, index)), step = number(PyTuple_GET_ITEM(steps, index)), more;
        if (side < 1 || step < 0 || __builtin_mul_overflow(side - 1, step, &more) || __builtin_add_overflow(last, more, &last))
            return 0;
    }
    return last < length && no_hooks(PyTuple_GET_ITEM(arguments, 5));
}

/* The result of a call about which nothing is to be written down: NULL without an error when Python has to look. */
static PyObject *new_called(PyObject *target, PyObject *arguments, int opcode, Py_ssize_t offset)
{
    if (!PyTuple_CheckExact(arguments))
        return NULL;
    long quiet = quiet_of(target);
    if (!(quiet & (opcode ? ANY_NEWOBJ : ANY_REDUCE)) && !(opcode && quiet & BARE && PyTuple_GET_SIZE(arguments) == 0)
        && !(!opcode && quiet & TENSOR && is_fine_tensor(arguments)))
        return NULL;
    PyObject *at = PyLong_FromSsize_t(offset);
    if (at == NULL)
        return NULL;
    PyTypeObject *type = (PyTypeObject *)called_type;
    PyObject *made = type->tp_alloc(type, 0);
    if (made == NULL) {
        Py_DECREF(at);
        return NULL;
    }
    set_slot(made, called_slots.target, Py_NewRef(target));
    set_slot(made, called_slots.arguments, Py_NewRef(arguments));
    set_slot(made, called_slots.opcode, Py_NewRef(opcode_names[opcode]));
    set_slot(made, called_slots.offset, at);
    set_slot(made, called_slots.state, Py_NewRef(unbuilt));
    set_slot(made, called_slots.odd, Py_NewRef(Py_None));
    set_slot(made, called_slots.filled, Py_NewRef(Py_False));
    return made;
}

static int ends_with(PyObject *key, const char *end)
{
    Py_ssize_t length = (Py_ssize_t)strlen(end);
    return PyBytes_GET_SIZE(key) >= length
        && memcmp(PyBytes_AS_STRING(key) + PyBytes_GET_SIZE(key) - length, end, length) == 0;
}

/* As `_fields` in quick.py, which looks at globals among the values. */
static int is_fine_state(PyObject *flat)
{
    if (!PyList_CheckExact(flat) || PyList_GET_SIZE(flat) % 2)
        return 0;
    for (Py_ssize_t index = 0; index < PyList_GET_SIZE(flat); index += 2) {
        PyObject *key = PyList_GET_ITEM(flat, index), *value = PyList_GET_ITEM(flat, index + 1);
        if (!PyBytes_CheckExact(key) || is_a(value, named_type) || ends_with(key, "_method") || ends_with(key, "_method_"))
            return 0;
        if ((ends_with(key, "_hooks") || ends_with(key, "_hooks_with_kwargs") || ends_with(key, "_hooks_always_called"))
            && !no_hooks(value))
            return 0;
    }
    return 1;
}

/* Returns 1 when the state was put into the object, 0 when Python has to do it. */
static int build(PyObject *object, PyObject *state)
{
    if (!is_a(object, called_type) || !is_a(state, table_type) || slot(state, table_slots.odd) != Py_None)
        return 0;
    long quiet = quiet_of(slot(object, called_slots.target));
    if (!(quiet & STATE) && !(quiet & FIELDS && is_fine_state(slot(state, table_slots.flat))))
        return 0;
    set_slot(object, called_slots.state, Py_NewRef(state));
    return 1;
}

static int is_odd(PyObject *key)
{
    if (PyBytes_CheckExact(key))
        return PyBytes_GET_SIZE(key) >= 2 && memcmp(PyBytes_AS_STRING(key), "__", 2) == 0;
    PyObject *type = (PyObject *)Py_TYPE(key);
    return type == called_type || type == held_type || type == lost_type;
}

/* Returns 1 when the pairs `items[from:]` were set on a dict or on the result of a call, 0 when Python has to do it,
   -1 on an error. */
static int set_items(PyObject *table, PyObject *items, Py_ssize_t from)
{
    Py_ssize_t count = PyList_GET_SIZE(items) - from;
    int is_result = is_a(table, called_type) && quiet_of(slot(table, called_slots.target)) & ITEMS;
    if (!(is_result || is_a(table, table_type)) || count % 2)
        return 0;
    for (Py_ssize_t index = from; index < from + count; index += 2)
        if (is_odd(PyList_GET_ITEM(items, index)))
            return 0;
    if (has_acting(items, from))
        return 0;
    if (is_result) {
        if (count)
            set_slot(table, called_slots.filled, Py_NewRef(Py_True));
        return 1;
    }
    PyObject *flat = slot(table, table_slots.flat);
    if (!PyList_CheckExact(flat))
        return 1;
    if (PyList_GET_SIZE(flat) + count > 2 * kept_pairs) {
        set_slot(table, table_slots.flat, Py_NewRef(Py_None));
        return 1;
    }
    for (Py_ssize_t index = from; index < from + count; index++)
        if (PyList_Append(flat, PyList_GET_ITEM(items, index)) < 0)
            return -1;
    return 1;
}

static Py_ssize_t unsigned4(const unsigned char *at)
{
    return (Py_ssize_t)at[0] | (Py_ssize_t)at[1] << 8 | (Py_ssize_t)at[2] << 16 | (Py_ssize_t)at[3] << 24;
}

/* A tuple of the last values, which leave the stack. */
static PyObject *tuple_of_top(PyObject *stack, Py_ssize_t count)
{
    Py_ssize_t below = PyList_GET_SIZE(stack) - count;
    PyObject *made = PyTuple_New(count);
    if (made == NULL)
        return NULL;
    for (Py_ssize_t index = 0; index < count; index++)
        PyTuple_SET_ITEM(made, index, PyList_GET_ITEM(stack, below + index));
    Py_SET_SIZE(stack, below);
    return made;
}

/* advance(data, pos, limit, stack, marks, memo, popped, plain, base) -> (pos, stack, at, memoized) */
static PyObject *advance(PyObject *module, PyObject *const *arguments, Py_ssize_t given)
{
    (void)module;
    if (given != 9 || !PyBytes_CheckExact(arguments[0]) || !PyList_CheckExact(arguments[3])
        || !PyList_CheckExact(arguments[4]) || !PyDict_CheckExact(arguments[5])) {
        PyErr_SetString(PyExc_TypeError, "advance takes bytes, two integers, two lists, a dict, a truth value, a function and an integer");
        return NULL;
    }
    const unsigned char *data = (const unsigned char *)PyBytes_AS_STRING(arguments[0]);
    Py_ssize_t pos = PyLong_AsSsize_t(arguments[1]), limit = PyLong_AsSsize_t(arguments[2]), at = -1;
    Py_ssize_t base = PyLong_AsSsize_t(arguments[8]);
    if (PyErr_Occurred())
        return NULL;
    PyObject *stack = Py_NewRef(arguments[3]), *marks = arguments[4], *memo = arguments[5], *value;
    int dropped = arguments[6] == Py_True, memoized = 0, done;
    if (pos < 0 || limit > PyBytes_GET_SIZE(arguments[0]) - MARGIN)
        limit = pos;
    while (pos < limit) {
        const unsigned char *here = data + pos + 1;
        Py_ssize_t length, size = PyList_GET_SIZE(stack);
        int failed = 0;
        switch (data[pos]) {
        case 0x94: /* MEMOIZE */
            if (size == 0)
                goto leave;
            failed = remember(memo, PyDict_GET_SIZE(memo), stack);
            memoized = 1;
            length = 1;
            break;
        case 0x8C: /* SHORT_BINUNICODE */
            if (may_carry(here + 1, here[0]))
                goto leave;
            failed = push(stack, PyBytes_FromStringAndSize((const char *)here + 1, here[0]));
            length = 2 + here[0];
            break;
        case 0x58: /* BINUNICODE */
            length = unsigned4(here);
            if (length > kept_bytes || pos + 5 + length > limit || may_carry(here + 4, length))
                goto leave;
            failed = push(stack, PyBytes_FromStringAndSize((const char *)here + 4, length));
            length += 5;
            break;
        case 0x68: /* BINGET */
        case 0x6A: /* LONG_BINGET */
            if (dropped)
                goto leave;
            length = data[pos] == 0x68 ? 2 : 5;
            done = recall(memo, length == 2 ? here[0] : unsigned4(here), stack);
            if (done == 0)
                goto leave;
            failed = done < 0;
            break;
        case 0x71: /* BINPUT */
        case 0x72: { /* LONG_BINPUT */
            length = data[pos] == 0x71 ? 2 : 5;
            Py_ssize_t index = length == 2 ? here[0] : unsigned4(here);
            if (size == 0 || index > PyDict_GET_SIZE(memo) + far_index)
                goto leave;
            failed = remember(memo, index, stack);
            break;
        }
        case 0x4B: /* BININT1 */
            failed = push(stack, PyLong_FromLong(here[0]));
            length = 2;
            break;
        case 0x4D: /* BININT2 */
            failed = push(stack, PyLong_FromLong(here[0] | here[1] << 8));
            length = 3;
            break;
        case 0x4A: /* BININT */
            failed = push(stack, PyLong_FromLong((int32_t)(uint32_t)unsigned4(here)));
            length = 5;
            break;
        case 0x47: /* BINFLOAT */
            failed = PyList_Append(stack, float_value);
            length = 9;
            break;
        case 0x4E: /* NONE */
            failed = PyList_Append(stack, Py_None);
            length = 1;
            break;
        case 0x88: /* NEWTRUE */
            failed = PyList_Append(stack, Py_True);
            length = 1;
            break;
        case 0x89: /* NEWFALSE */
            failed = PyList_Append(stack, Py_False);
            length = 1;
            break;
        case 0x28: /* MARK */
            value = PyList_New(0);
            failed = value == NULL || PyList_Append(marks, stack) < 0;
            if (!failed) {
                Py_DECREF(stack);
                stack = value;
            }
            length = 1;
            break;
        case 0x29: /* EMPTY_TUPLE */
            failed = push(stack, PyTuple_New(0));
            length = 1;
            break;
        case 0x5D: /* EMPTY_LIST */
            failed = push(stack, PyList_New(0));
            length = 1;
            break;
        case 0x7D: /* EMPTY_DICT */
            failed = push(stack, new_table());
            length = 1;
            break;
        case 0x85: /* TUPLE1 */
        case 0x86: /* TUPLE2 */
        case 0x87: /* TUPLE3 */
            length = data[pos] - 0x84;
            if (size < length || has_acting(stack, size - length))
                goto leave;
            failed = push(stack, tuple_of_top(stack, length));
            length = 1;
            break;
        case 0x74: { /* TUPLE */
            Py_ssize_t depth = PyList_GET_SIZE(marks);
            if (depth == 0 || size > kept_tuple || has_acting(stack, 0))
                goto leave;
            value = tuple_of_top(stack, size);
            failed = value == NULL;
            if (failed)
                break;
            Py_DECREF(stack);
            stack = pop(marks);
            failed = push(stack, value);
            length = 1;
            break;
        }
        case 0x75: /* SETITEMS */
        case 0x65: { /* APPENDS */
            Py_ssize_t depth = PyList_GET_SIZE(marks);
            if (depth == 0)
                goto leave;
            PyObject *below = PyList_GET_ITEM(marks, depth - 1);
            Py_ssize_t height = PyList_GET_SIZE(below);
            if (height == 0)
                goto leave;
            PyObject *target = PyList_GET_ITEM(below, height - 1);
            if (data[pos] == 0x75) {
                done = set_items(target, stack, 0);
                if (done == 0)
                    goto leave;
                failed = done < 0;
            } else {
                if (!PyList_CheckExact(target) || has_acting(stack, 0))
                    goto leave;
                Py_ssize_t room = kept_items + 1;
                if (PyList_GET_SIZE(target) <= kept_items)
                    for (Py_ssize_t index = 0; index < size && index < room && !failed; index++)
                        failed = PyList_Append(target, PyList_GET_ITEM(stack, index));
            }
            if (!failed) {
                Py_DECREF(stack);
                stack = pop(marks);
            }
            length = 1;
            break;
        }
        case 0x61: { /* APPEND */
            if (size < 2 || !PyList_CheckExact(PyList_GET_ITEM(stack, size - 2)) || has_acting(stack, size - 1))
                goto leave;
            PyObject *target = PyList_GET_ITEM(stack, size - 2);
            if (PyList_GET_SIZE(target) <= kept_items)
                failed = PyList_Append(target, PyList_GET_ITEM(stack, size - 1));
            drop(stack, 1);
            length = 1;
            break;
        }
        case 0x73: /* SETITEM */
            if (size < 3)
                goto leave;
            done = set_items(PyList_GET_ITEM(stack, size - 3), stack, size - 2);
            if (done == 0)
                goto leave;
            failed = done < 0;
            drop(stack, 2);
            length = 1;
            break;
        case 0x62: /* BUILD */
            if (size < 2)
                goto leave;
            if (!build(PyList_GET_ITEM(stack, size - 2), PyList_GET_ITEM(stack, size - 1)))
                goto leave;
            drop(stack, 1);
            length = 1;
            break;
        case 0x51: /* BINPERSID */
            if (size < 1 || arguments[7] == Py_None)
                goto leave;
            value = PyObject_CallOneArg(arguments[7], PyList_GET_ITEM(stack, size - 1));
            if (value == Py_False) {
                Py_DECREF(value);
                goto leave;
            }
            failed = value == NULL;
            Py_XDECREF(value);
            if (!failed) {
                value = ((PyTypeObject *)held_type)->tp_alloc((PyTypeObject *)held_type, 0);
                failed = value == NULL;
            }
            if (!failed) {
                set_slot(value, held_slots.id, PyList_GET_ITEM(stack, size - 1));
                PyList_SET_ITEM(stack, size - 1, value);
            }
            length = 1;
            break;
        case 0x52: /* REDUCE */
        case 0x81: /* NEWOBJ */
            if (size < 2)
                goto leave;
            value = new_called(PyList_GET_ITEM(stack, size - 2), PyList_GET_ITEM(stack, size - 1), data[pos] != 0x52, base + pos);
            if (value == NULL) {
                if (PyErr_Occurred()) {
                    failed = 1;
                    break;
                }
                goto leave;
            }
            drop(stack, 2);
            failed = push(stack, value);
            length = 1;
            break;
        default:
            goto leave;
        }
        if (failed) {
            Py_DECREF(stack);
            return NULL;
        }
        at = pos;
        pos += length;
    }
leave:
    return Py_BuildValue("nNnO", pos, stack, at, memoized ? Py_True : Py_False);
}

/* Returns 0 when the class has such a slot. */
static int find_slot(PyObject *type, const char *name, Py_ssize_t *offset)
{
    PyObject *descriptor = PyObject_GetAttrString(type, name);
    if (descriptor == NULL)
        return -1;
    int found = Py_IS_TYPE(descriptor, &PyMemberDescr_Type);
    if (found)
        *offset = ((PyMemberDescrObject *)descriptor)->d_member->offset;
    else
        PyErr_Format(PyExc_TypeError, "%R has no slot %s", type, name);
    Py_DECREF(descriptor);
    return found ? 0 : -1;
}

/* configure(Table, Named, Called, Held, Lost, FLOAT, UNBUILT, heads, base64, kept, kept_pairs, kept_tuple, kept_bytes, far) */
static PyObject *configure(PyObject *module, PyObject *arguments)
{
    (void)module;
    PyObject *table, *named, *called, *held, *lost, *number_value, *no_state;
    const char *first, *letters;
    Py_ssize_t first_length, letters_length;
    if (!PyArg_ParseTuple(arguments, "OOOOOOOy#y#nnnnn", &table, &named, &called, &held, &lost, &number_value, &no_state, &first, &first_length,
                          &letters, &letters_length, &kept_items, &kept_pairs, &kept_tuple, &kept_bytes, &far_index))
        return NULL;
    struct {
        PyObject *type;
        const char *name;
        Py_ssize_t *offset;
    } slots[] = {
        {table, "flat", &table_slots.flat}, {table, "odd", &table_slots.odd},
        {called, "arguments", &called_slots.arguments}, {called, "filled", &called_slots.filled},
        {called, "odd", &called_slots.odd}, {called, "offset", &called_slots.offset},
        {called, "opcode", &called_slots.opcode}, {called, "state", &called_slots.state},
        {called, "target", &called_slots.target}, {held, "id", &held_slots.id},
        {named, "quiet", &named_slots.quiet}, {named, "listed", &named_slots.listed},
        {named, "module", &named_slots.module}, {named, "name", &named_slots.name},
    };
    for (size_t index = 0; index < sizeof slots / sizeof slots[0]; index++)
        if (find_slot(slots[index].type, slots[index].name, slots[index].offset) < 0)
            return NULL;
    Py_XSETREF(table_type, Py_NewRef(table));
    Py_XSETREF(named_type, Py_NewRef(named));
    Py_XSETREF(called_type, Py_NewRef(called));
    Py_XSETREF(held_type, Py_NewRef(held));
    Py_XSETREF(lost_type, Py_NewRef(lost));
    Py_XSETREF(float_value, Py_NewRef(number_value));
    Py_XSETREF(unbuilt, Py_NewRef(no_state));
    memset(heads, 0, sizeof heads);
    memset(base64, 0, sizeof base64);
    for (Py_ssize_t index = 0; index < first_length; index++)
        heads[(unsigned char)first[index]] = 1;
    for (Py_ssize_t index = 0; index < letters_length; index++)
        base64[(unsigned char)letters[index]] = 1;
    Py_RETURN_NONE;
}

/* The number of the agreement with fast.py: raise both when arguments, results or meaning of a function change. */
#define INTERFACE 3

static PyMethodDef methods[] = {
    {"advance", (PyCFunction)(void (*)(void))advance, METH_FASTCALL, "Run opcodes that only move constants about."},
    {"configure", configure, METH_VARARGS, "Tell the types and limits of the machine."},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, "_fast", "The compiled inner loop of the pickle machine.", -1, methods, NULL, NULL, NULL, NULL,
};

PyMODINIT_FUNC PyInit__fast(void)
{
    struct {
        PyObject **where;
        const char *text;
    } names[] = {
        {&opcode_names[0], "REDUCE"}, {&opcode_names[1], "NEWOBJ"},
    };
    for (size_t index = 0; index < sizeof names / sizeof names[0]; index++) {
        *names[index].where = PyUnicode_InternFromString(names[index].text);
        if (*names[index].where == NULL)
            return NULL;
    }
    PyObject *module = PyModule_Create(&definition);
    if (module != NULL && PyModule_AddIntConstant(module, "INTERFACE", INTERFACE) < 0) {
        Py_DECREF(module);
        return NULL;
    }
    return module;
}
