"""Says the name of each command and its line in the help, without importing them. Made by tools/make_index.py."""

MODULES = tuple("""
    advisory approve assess check command compare completion convert diff discover doctor explain feed formats
    history init inventory license lock main monitor path revoke run sbom scan sign store suggest trust update
    verify
""".split())

# Module, name of the command, its heading in the help, and its line there.
ROWS = (
    ('advisory', 'advisory', 'watch', 'Write and check advisories about models'),
    ('approve', 'approve', 'decide', 'Approve locked bytes anew'),
    ('assess', 'assess', 'look', 'Score who publishes a model on evidence'),
    ('check', 'check', 'begin', 'Check locked models against their bytes and the policy'),
    ('compare', 'compare', 'look', 'Tell whether two weight files hold the same tensors'),
    ('completion', 'completion', 'machine', 'Print the completion script of a shell'),
    ('convert', 'convert', 'use', 'Turn a torch checkpoint into safetensors'),
    ('diff', 'diff', 'decide', 'Show how two revisions of a model differ'),
    ('discover', 'discover', 'begin', 'Find the models that programs here use'),
    ('doctor', 'doctor', 'machine', 'Look for what is wrong on this machine'),
    ('explain', 'explain', 'look', 'Tell what a check reports and what to do'),
    ('feed', 'feed', 'watch', 'Fetch feeds of advisories and show their age'),
    ('formats', 'formats', 'look', 'List the file formats that are read'),
    ('history', 'history', 'decide', 'Show decisions and events about a model'),
    ('init', 'init', 'begin', 'Write a policy; what is here today stays green'),
    ('inventory', 'inventory', 'report', 'List the models of one or many locks'),
    ('license', 'license', 'look', 'Show the license of a model and what it rests on'),
    ('lock', 'lock', 'begin', 'Examine models and record them in the lock'),
    ('monitor', 'monitor', 'watch', 'Tell what has happened to models upstream'),
    ('path', 'path', 'use', 'Print a directory of approved files for any server'),
    ('revoke', 'revoke', 'decide', 'Revoke the approval of models'),
    ('run', 'run', 'use', 'Run a Python program with its loaders guarded'),
    ('sbom', 'sbom', 'report', 'Write a bill of materials: CycloneDX or SPDX'),
    ('scan', 'scan', 'look', 'Look into files and directories and Hub repositories'),
    ('sign', 'sign', 'sign', 'Sign a model'),
    ('store', 'store', 'machine', 'Look after the private store of model files'),
    ('suggest', 'suggest', 'begin', 'Tell which exemptions to get rid of first'),
    ('trust', 'trust', 'sign', 'Look after trusted roots of Sigstore'),
    ('update', 'update', 'decide', 'Propose newer revisions of locked models'),
    ('verify', 'verify', 'sign', 'Verify a signed model'),
)
