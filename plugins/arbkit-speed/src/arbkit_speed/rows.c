/* `rows`: the text of [["price","size",...],...] as doubles.

   The text comes from the network. Here only its plain form is read: JSON numbers, quoted or not, without sign and
   exponent. For all else, and for every value out of bounds, `rows` returns what the caller's `otherwise(text)` does:
   msgspec's decoder. So nothing is accepted or refused here that is not there, and the code that judges strange text
   is not this. */

#include "speed.h"

static const double MOST = 1e15; /* prices and sizes are below, as in arbkit.core.types */

/* 10**n is exact in a double for n <= 22. */
#define MOST_DIGITS 19 /* so many digits fit in 64 bits */
static const double POWERS[MOST_DIGITS + 1] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,
                                               1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19};
static const uint64_t EXACT = UINT64_C(1) << 53; /* integers up to here are exact in a double */

void
pairs_init(Pairs *found)
{
    found->pairs = found->few;
    found->count = 0;
    found->room = FEW;
}

void
pairs_free(Pairs *found)
{
    if (found->pairs != found->few) {
        PyMem_Free(found->pairs);
    }
}

/* 0, or -1 with MemoryError. */
static int
pairs_push(Pairs *found, double px, double qty)
{
    if (found->count == found->room) {
        Pair *more = NULL;
        if (found->room <= PY_SSIZE_T_MAX / 2 / (Py_ssize_t)sizeof(Pair)) {
            size_t bytes = 2 * (size_t)found->room * sizeof(Pair);
            more = PyMem_Realloc(found->pairs == found->few ? NULL : found->pairs, bytes);
        }
        if (more == NULL) {
            PyErr_NoMemory();
            return -1;
        }
        if (found->pairs == found->few) {
            memcpy(more, found->few, sizeof(found->few));
        }
        found->pairs = more;
        found->room *= 2;
    }
    found->pairs[found->count].px = px;
    found->pairs[found->count].qty = qty;
    found->count++;
    return 0;
}

/* --- the text --- */

typedef struct {
    const char *at;
    const char *end;
} Text;

static inline void
skip_space(Text *text)
{
    if (text->at < text->end && *text->at > ' ') {
        return; /* nearly always */
    }
    while (text->at < text->end &&
           (*text->at == ' ' || *text->at == '\n' || *text->at == '\r' || *text->at == '\t')) {
        text->at++;
    }
}

/* Whether this is the next character, which is then passed. */
static inline int
take(Text *text, char wanted)
{
    if (text->at < text->end && *text->at == wanted) {
        text->at++;
        return 1;
    }
    return 0;
}

/* The double nearest to a number of many digits: 1, or 0. */
static int
nearest(const char *from, Py_ssize_t length, double *value)
{
    char copy[MOST_DIGITS + 3]; /* and "0." and the end */
    if (length >= (Py_ssize_t)sizeof(copy)) {
        return 0;
    }
    memcpy(copy, from, (size_t)length);
    copy[length] = '\0';
    *value = PyOS_string_to_double(copy, NULL, NULL);
    if (PyErr_Occurred()) {
        PyErr_Clear();
        return 0;
    }
    return 1;
}

#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
/* Eight digits at once: their value, or UINT32_MAX if one is no digit. There are eight characters. */
static inline uint32_t
eight(const char *at)
{
    uint64_t word;
    memcpy(&word, at, sizeof(word));
    const uint64_t high = UINT64_C(0xF0F0F0F0F0F0F0F0), six = UINT64_C(0x0606060606060606);
    if ((word & high) != UINT64_C(0x3030303030303030) || ((word + six) & high) != UINT64_C(0x3030303030303030)) {
        return UINT32_MAX;
    }
    word = ((word & UINT64_C(0x0F0F0F0F0F0F0F0F)) * 2561) >> 8;
    word = ((word & UINT64_C(0x00FF00FF00FF00FF)) * 6553601) >> 16;
    return (uint32_t)(((word & UINT64_C(0x0000FFFF0000FFFF)) * UINT64_C(42949672960001)) >> 32);
}
#else
#define eight(at) UINT32_MAX
#endif

/* A number without sign and exponent: 1, or 0 if it is not plain. */
static inline int
number(Text *text, double *value)
{
    const char *const end = text->end, *from = text->at, *at = from;
    uint64_t digits = 0;
    Py_ssize_t used = 0, places = 0;

    while (at < end && *at >= '0' && *at <= '9') {
        digits = 10 * digits + (uint64_t)(*at++ - '0');
    }
    used = at - from;
    if (used == 0 || (*from == '0' && used > 1)) {
        return 0;
    }
    if (at < end && *at == '.') {
        const char *fraction = ++at;
        for (uint32_t some; end - at >= 8 && (some = eight(at)) != UINT32_MAX; at += 8) {
            digits = 100000000 * digits + some;
        }
        while (at < end && *at >= '0' && *at <= '9') {
            digits = 10 * digits + (uint64_t)(*at++ - '0');
        }
        places = at - fraction;
        if (places == 0) {
            return 0;
        }
    }
    text->at = at;
    if (used + places > MOST_DIGITS) { /* `digits` may have wrapped around */
        return 0;
    }
    if (digits > EXACT) {
        while (places > 0 && digits % 10 == 0) {
            digits /= 10;
            places--;
        }
    }
#if FLT_EVAL_METHOD == 0
    if (digits <= EXACT) { /* two exact doubles: their quotient is rounded once */
        *value = (double)digits / POWERS[places];
        return 1;
    }
#endif
    return nearest(from, at - from, value);
}

static int
quoted_or_not(Text *text, double *value)
{
    int quoted = take(text, '"');
    return number(text, value) && (!quoted || take(text, '"'));
}

/* A further column, which is not used: a number, or a text of printable ASCII without escapes. */
static int
column(Text *text)
{
    double unused;
    if (!take(text, '"')) {
        return number(text, &unused);
    }
    while (text->at < text->end && *text->at >= ' ' && *text->at <= '~' && *text->at != '"' && *text->at != '\\') {
        text->at++;
    }
    return take(text, '"');
}

/* One row after its '['. */
static int
row(Text *text, double *px, double *qty)
{
    skip_space(text);
    if (!quoted_or_not(text, px)) {
        return 0;
    }
    skip_space(text);
    if (!take(text, ',')) {
        return 0;
    }
    skip_space(text);
    if (!quoted_or_not(text, qty)) {
        return 0;
    }
    skip_space(text);
    while (take(text, ',')) {
        skip_space(text);
        if (!column(text)) {
            return 0;
        }
        skip_space(text);
    }
    return take(text, ']') && *px > 0.0 && *px < MOST && *qty < MOST;
}

/* The whole text: 1 = read, 0 = not plain or out of bounds, -1 with MemoryError. */
static int
read_rows(Text *text, Pairs *found)
{
    skip_space(text);
    if (!take(text, '[')) {
        return 0;
    }
    skip_space(text);
    if (!take(text, ']')) {
        double px, qty;
        do {
            skip_space(text);
            if (!take(text, '[') || !row(text, &px, &qty)) {
                return 0;
            }
            if (pairs_push(found, px, qty) < 0) {
                return -1;
            }
            skip_space(text);
        } while (take(text, ','));
        if (!take(text, ']')) {
            return 0;
        }
    }
    skip_space(text);
    return text->at == text->end;
}

static PyObject *
rows_new(State *state, const Pairs *found)
{
    Rows *self = (Rows *)PyType_GenericAlloc(state->rows_type, found->count);
    if (self != NULL && found->count > 0) {
        memcpy(self->pairs, found->pairs, (size_t)found->count * sizeof(Pair));
    }
    return (PyObject *)self;
}

/* The Rows of a msgspec.Raw, or what `otherwise(raw)` returns. */
static PyObject *
read_raw(State *state, PyObject *raw, PyObject *otherwise)
{
    Py_buffer view;
    if (PyObject_GetBuffer(raw, &view, PyBUF_SIMPLE) < 0) {
        return NULL;
    }
    Pairs found;
    pairs_init(&found);
    Text text = {view.buf, (const char *)view.buf + view.len};
    int done = read_rows(&text, &found);
    PyBuffer_Release(&view);
    PyObject *result = done > 0 ? rows_new(state, &found) : NULL;
    pairs_free(&found);
    return done == 0 ? PyObject_CallFunctionObjArgs(otherwise, raw, NULL) : result;
}

PyObject *
rows_read(PyObject *module, PyObject *const *args, Py_ssize_t count)
{
    State *state = PyModule_GetState(module);
    if (count != 2) {
        PyErr_Format(PyExc_TypeError, "rows() takes 2 arguments: a value and a decoder (%zd given)", count);
        return NULL;
    }
    if ((PyObject *)Py_TYPE(args[0]) != state->raw) {
        return Py_NewRef(args[0]);
    }
    return read_raw(state, args[0], args[1]);
}

/* One attribute of a message: 0, or -1 with an error. */
static int
read_side(State *state, PyObject *message, PyObject *name, PyObject *otherwise)
{
    PyObject *value = PyObject_GetAttr(message, name);
    if (value == NULL) {
        return -1;
    }
    int done = 0;
    if ((PyObject *)Py_TYPE(value) == state->raw) {
        PyObject *levels = read_raw(state, value, otherwise);
        done = levels == NULL ? -1 : PyObject_SetAttr(message, name, levels);
        Py_XDECREF(levels);
    }
    Py_DECREF(value);
    return done;
}

/* What `reader` returns is called with a message. `bound`: the module and `otherwise`. */
static PyObject *
read_sides(PyObject *bound, PyObject *message)
{
    State *state = PyModule_GetState(PyTuple_GetItem(bound, 0));
    PyObject *otherwise = PyTuple_GetItem(bound, 1);
    if (read_side(state, message, state->bids, otherwise) < 0 ||
        read_side(state, message, state->asks, otherwise) < 0) {
        return NULL;
    }
    Py_RETURN_NONE;
}

static PyMethodDef sides = {"sides", read_sides, METH_O, "Read the attributes bids and asks of a message."};

PyObject *
rows_reader(PyObject *module, PyObject *otherwise)
{
    PyObject *bound = PyTuple_Pack(2, module, otherwise);
    PyObject *result = bound == NULL ? NULL : PyCFunction_NewEx(&sides, bound, NULL);
    Py_XDECREF(bound);
    return result;
}

/* --- levels of any kind --- */

/* An attribute as a double: 0, or -1 with an error. */
static int
attribute(PyObject *level, PyObject *name, double *value)
{
    PyObject *found = PyObject_GetAttr(level, name);
    if (found == NULL) {
        return -1;
    }
    *value = PyFloat_AsDouble(found);
    Py_DECREF(found);
    return *value == -1.0 && PyErr_Occurred() ? -1 : 0;
}

/* The prices and sizes of a sequence of levels: 0, or -1 with an error. Code of others may run here (attributes), so
   no ladder is touched before it is done. */
int
pairs_gather(State *state, PyObject *levels, Pairs *found)
{
    for (Py_ssize_t at = 0;; at++) {
        Py_ssize_t length = PySequence_Size(levels); /* each time: a list may change under us */
        if (length < 0) {
            return -1;
        }
        if (at >= length) {
            return 0;
        }
        PyObject *level = PySequence_GetItem(levels, at);
        if (level == NULL) {
            return -1;
        }
        double px, qty;
        int done = attribute(level, state->px, &px) < 0 ? -1 : attribute(level, state->qty, &qty);
        Py_DECREF(level);
        if (done < 0 || pairs_push(found, px, qty) < 0) {
            return -1;
        }
        if (isnan(px)) {
            PyErr_SetString(PyExc_ValueError, "a level has no price (NaN)");
            return -1;
        }
    }
}

/* --- Rows as a sequence --- */

static void
rows_dealloc(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);
    freefunc free_it = (freefunc)PyType_GetSlot(type, Py_tp_free);
    free_it(self);
    Py_DECREF(type);
}

static Py_ssize_t
rows_length(PyObject *self)
{
    return Py_SIZE(self);
}

/* A Level. */
static PyObject *
rows_item(PyObject *self, Py_ssize_t at)
{
    State *state = PyType_GetModuleState(Py_TYPE(self));
    if (state == NULL) {
        return NULL;
    }
    if (at < 0 || at >= Py_SIZE(self)) {
        PyErr_SetString(PyExc_IndexError, "no such level");
        return NULL;
    }
    const Pair *pair = &((Rows *)self)->pairs[at];
    PyObject *level = NULL;
    PyObject *px = PyFloat_FromDouble(pair->px);
    PyObject *qty = PyFloat_FromDouble(pair->qty);
    if (px != NULL && qty != NULL) {
        level = PyObject_CallFunctionObjArgs(state->level, px, qty, NULL);
    }
    Py_XDECREF(px);
    Py_XDECREF(qty);
    return level;
}

static PyObject *
rows_list(PyObject *self)
{
    return PySequence_List(self);
}

static PyObject *
rows_subscript(PyObject *self, PyObject *key)
{
    if (PyIndex_Check(key)) {
        Py_ssize_t at = PyNumber_AsSsize_t(key, PyExc_IndexError);
        if (at == -1 && PyErr_Occurred()) {
            return NULL;
        }
        return rows_item(self, at < 0 ? at + Py_SIZE(self) : at);
    }
    PyObject *all = rows_list(self);
    PyObject *part = all == NULL ? NULL : PyObject_GetItem(all, key);
    Py_XDECREF(all);
    return part;
}

/* Equal to other Rows, and to a list of the same levels. */
static PyObject *
rows_compare(PyObject *self, PyObject *other, int operation)
{
    if ((operation != Py_EQ && operation != Py_NE) || !(Py_TYPE(other) == Py_TYPE(self) || PyList_Check(other))) {
        Py_RETURN_NOTIMPLEMENTED;
    }
    if (PyList_Check(other)) {
        PyObject *mine = rows_list(self);
        PyObject *result = mine == NULL ? NULL : PyObject_RichCompare(mine, other, operation);
        Py_XDECREF(mine);
        return result;
    }
    int same = Py_SIZE(self) == Py_SIZE(other);
    for (Py_ssize_t at = 0; same && at < Py_SIZE(self); at++) {
        const Pair *one = &((Rows *)self)->pairs[at], *two = &((Rows *)other)->pairs[at];
        same = one->px == two->px && one->qty == two->qty;
    }
    return PyBool_FromLong(same == (operation == Py_EQ));
}

static PyObject *
rows_repr(PyObject *self)
{
    PyObject *all = rows_list(self);
    PyObject *text = all == NULL ? NULL : PyObject_Repr(all);
    Py_XDECREF(all);
    return text;
}

static PyType_Slot rows_slots[] = {
    {Py_tp_doc, "Levels of a message, not to be changed. Its items are arbkit.core.types.Level."},
    {Py_tp_dealloc, rows_dealloc},
    {Py_tp_repr, rows_repr},
    {Py_tp_hash, PyObject_HashNotImplemented},
    {Py_tp_richcompare, rows_compare},
    {Py_sq_length, rows_length},
    {Py_sq_item, rows_item},
    {Py_mp_length, rows_length},
    {Py_mp_subscript, rows_subscript},
    {0, NULL},
};

PyType_Spec rows_spec = {
    .name = "arbkit_speed.Rows",
    .basicsize = offsetof(Rows, pairs),
    .itemsize = sizeof(Pair),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = rows_slots,
};
