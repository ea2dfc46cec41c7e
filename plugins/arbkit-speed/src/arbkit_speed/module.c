/* The module arbkit_speed._speed: what it has, and what it needs of others. */

#include "speed.h"

/* A new reference to an attribute of a module, in `*where`: 0, or -1 with an error. */
static int
import_from(const char *module, const char *name, PyObject **where)
{
    PyObject *found = PyImport_ImportModule(module);
    if (found == NULL) {
        return -1;
    }
    *where = PyObject_GetAttrString(found, name);
    Py_DECREF(found);
    return *where == NULL ? -1 : 0;
}

static int
make_type(PyObject *module, PyType_Spec *spec, PyTypeObject **where)
{
    *where = (PyTypeObject *)PyType_FromModuleAndSpec(module, spec, NULL);
    return *where == NULL ? -1 : 0;
}

static int
fill(PyObject *module)
{
    State *state = PyModule_GetState(module);
    state->px = PyUnicode_InternFromString("px");
    state->qty = PyUnicode_InternFromString("qty");
    state->bids = PyUnicode_InternFromString("bids");
    state->asks = PyUnicode_InternFromString("asks");
    if (state->px == NULL || state->qty == NULL || state->bids == NULL || state->asks == NULL || import_from("msgspec", "Raw", &state->raw) < 0 ||
        import_from("arbkit.core.types", "Level", &state->level) < 0 ||
        make_type(module, &rows_spec, &state->rows_type) < 0 ||
        make_type(module, &ladder_spec, &state->ladder_type) < 0 ||
        make_type(module, &walk_spec, &state->walk_type) < 0 || PyModule_AddType(module, state->rows_type) < 0) {
        return -1;
    }
    return PyModule_AddType(module, state->ladder_type);
}

static int
traverse(PyObject *module, visitproc visit, void *arg)
{
    State *state = PyModule_GetState(module);
    Py_VISIT(state->rows_type);
    Py_VISIT(state->ladder_type);
    Py_VISIT(state->walk_type);
    Py_VISIT(state->level);
    Py_VISIT(state->raw);
    return 0;
}

static int
clear(PyObject *module)
{
    State *state = PyModule_GetState(module);
    Py_CLEAR(state->rows_type);
    Py_CLEAR(state->ladder_type);
    Py_CLEAR(state->walk_type);
    Py_CLEAR(state->level);
    Py_CLEAR(state->raw);
    Py_CLEAR(state->px);
    Py_CLEAR(state->qty);
    Py_CLEAR(state->bids);
    Py_CLEAR(state->asks);
    return 0;
}

static void
release(void *module)
{
    clear((PyObject *)module);
}

static PyMethodDef functions[] = {
    {"change", (PyCFunction)(void (*)(void))ladder_change, METH_FASTCALL,
     "change($module, ladder, levels, /)\n--\n\nSet absolute sizes. 0 deletes, also a level that is not there.\n"
     "Returns the best price."},
    {"replace", (PyCFunction)(void (*)(void))ladder_replace, METH_FASTCALL,
     "replace($module, ladder, levels, keep=0, most=0, /)\n--\n\nTake these levels in place of all that was there."},
    {"rows", (PyCFunction)(void (*)(void))rows_read, METH_FASTCALL,
     "rows($module, value, otherwise, /)\n--\n\n"
     "The levels of a msgspec.Raw that holds [[price, size, ...], ...] in its plain form. Other text is given to\n"
     "otherwise(value). A value that is no msgspec.Raw is returned as it is."},
    {"reader", rows_reader, METH_O,
     "reader($module, otherwise, /)\n--\n\n"
     "A function of a message that reads its attributes bids and asks, as rows(value, otherwise) does."},
    {NULL, NULL, 0, NULL},
};

static PyModuleDef_Slot slots[] = {
    {Py_mod_exec, fill},
    {0, NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT,
    .m_name = "arbkit_speed._speed",
    .m_doc = "Order books and book messages of arbkit, compiled.",
    .m_size = sizeof(State),
    .m_methods = functions,
    .m_slots = slots,
    .m_traverse = traverse,
    .m_clear = clear,
    .m_free = release,
};

PyMODINIT_FUNC
PyInit__speed(void)
{
    return PyModuleDef_Init(&definition);
}
