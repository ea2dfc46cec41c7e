/* One side of a book: `arbkit.core.market.ladder`, step by step the same, in two sorted arrays.

   That module is the reference. A deleted level keeps its key with size 0 until it reaches the end or the side is
   swept, at the same moments as there, so both drop the same far levels. */

#include "speed.h"

#define SLACK 64

typedef struct {
    PyObject_HEAD
    double sign;
    double *keys;  /* sign * price, ascending: the best price is the last, and alive */
    double *sizes; /* 0 = deleted */
    Py_ssize_t held;
    Py_ssize_t room;
    Py_ssize_t keep; /* the best levels that a sweep keeps, 0 = all */
    Py_ssize_t most; /* keys beyond which it is due in any case, where `keep` is not 0 */
    Py_ssize_t sweep_at;
    uint64_t changes;
} Ladder;

/* Walks from the best level outward. */
typedef struct {
    PyObject_HEAD
    Ladder *ladder;
    Py_ssize_t at; /* levels left to look at */
    uint64_t changes;
} Walk;

/* --- the arrays --- */

/* Memory for `room` numbers in each array, at least those held: 0, or -1 with MemoryError and all as it was. */
static int
resize(Ladder *self, Py_ssize_t room)
{
    size_t bytes = (size_t)room * sizeof(double);
    if (room > PY_SSIZE_T_MAX / (Py_ssize_t)sizeof(double)) {
        PyErr_NoMemory();
        return -1;
    }
    double *keys = PyMem_Realloc(self->keys, bytes);
    if (keys == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    self->keys = keys;
    if (room < self->room) {
        self->room = room; /* the keys are short already */
    }
    double *sizes = PyMem_Realloc(self->sizes, bytes);
    if (sizes == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    self->sizes = sizes;
    self->room = room;
    return 0;
}

static Py_ssize_t
roomy(Py_ssize_t held)
{
    return held + held / 8 + 16;
}

/* Give memory back that will not be needed soon. */
static void
trim(Ladder *self)
{
    if (self->room > 2 * self->held + 4 * SLACK && resize(self, roomy(self->held)) < 0) {
        PyErr_Clear();
    }
}

/* Where a key is, or would be: the first that is not below. The search begins at `near`. */
static Py_ssize_t
find(const Ladder *self, double key, Py_ssize_t near)
{
    const double *keys = self->keys;
    Py_ssize_t low = 0, high = self->held, step = 1;
    if (near < high && keys[near] < key) {
        low = near + 1;
        while (low + step < high && keys[low + step] < key) {
            low += step + 1;
            step *= 2;
        }
        high = low + step < high ? low + step : high;
    } else {
        high = near;
        while (high > 0) {
            Py_ssize_t at = high > step ? high - step : 0;
            if (keys[at] < key) {
                low = at + 1;
                break;
            }
            high = at;
            step *= 2;
        }
    }
    while (low < high) {
        Py_ssize_t middle = low + (high - low) / 2;
        if (keys[middle] < key) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

/* Set the sizes of the first levels, as many as go away from the best price, at most FEW: their number. What is new is
   put in by one move. There is room. `*near` is where to look first, then where the last one was. */
static Py_ssize_t
set(Ladder *self, const Pair *pairs, Py_ssize_t count, Py_ssize_t *near)
{
    Py_ssize_t places[FEW], fresh[FEW], added = 0, at = *near, done = 0;
    double last = 0.0;
    for (; done < count && done < FEW; done++) {
        double key = self->sign * pairs[done].px;
        if (done > 0 && key >= last) {
            break;
        }
        last = key;
        at = find(self, key, at);
        if (at < self->held && self->keys[at] == key) {
            self->sizes[at] = pairs[done].qty;
        } else if (pairs[done].qty != 0.0) {
            places[added] = at;
            fresh[added++] = done;
        }
    }
    Py_ssize_t end = self->held;
    for (Py_ssize_t one = 0; one < added; one++) {
        Py_ssize_t from = places[one], to = from + added - one;
        size_t above = (size_t)(end - from) * sizeof(double);
        memmove(self->keys + to, self->keys + from, above);
        memmove(self->sizes + to, self->sizes + from, above);
        self->keys[to - 1] = self->sign * pairs[fresh[one]].px;
        self->sizes[to - 1] = pairs[fresh[one]].qty;
        end = from;
    }
    self->held += added;
    *near = at;
    return done;
}

static void
swept(Ladder *self)
{
    self->sweep_at = 2 * self->held + SLACK;
    if (self->keep > 0 && self->most < self->sweep_at) {
        self->sweep_at = self->most;
    }
    trim(self);
}

/* Forget the deleted levels, and the worst beyond those to keep. */
static void
sweep(Ladder *self)
{
    Py_ssize_t alive = 0;
    for (Py_ssize_t at = 0; at < self->held; at++) {
        if (self->sizes[at] != 0.0) {
            self->keys[alive] = self->keys[at];
            self->sizes[alive] = self->sizes[at];
            alive++;
        }
    }
    self->held = alive;
    if (self->keep > 0 && alive > self->keep) {
        Py_ssize_t surplus = alive - self->keep;
        self->held = self->keep;
        memmove(self->keys, self->keys + surplus, (size_t)self->held * sizeof(double));
        memmove(self->sizes, self->sizes + surplus, (size_t)self->held * sizeof(double));
    }
    swept(self);
}

/* --- change and replace --- */

static PyObject *
best_px(const Ladder *self)
{
    if (self->held == 0) {
        return PyFloat_FromDouble(self->sign > 0.0 ? 0.0 : (double)INFINITY);
    }
    return PyFloat_FromDouble(self->sign * self->keys[self->held - 1]);
}

/* The pairs of the second argument. Rows are read where they are: they outlive the call, in which no other code runs. */
static int
pairs_of(State *state, PyObject *levels, Pairs *found)
{
    pairs_init(found);
    if (Py_TYPE(levels) == state->rows_type) {
        found->count = Py_SIZE(levels);
        found->room = 0;
        return 0;
    }
    if (pairs_gather(state, levels, found) < 0) {
        pairs_free(found);
        return -1;
    }
    return 0;
}

static Ladder *
ladder_of(State *state, PyObject *const *args, Py_ssize_t count, Py_ssize_t least, Py_ssize_t most, const char *name)
{
    if (count < least || count > most) {
        PyErr_Format(PyExc_TypeError, "%s() takes a ladder and levels (%zd arguments given)", name, count);
        return NULL;
    }
    if (Py_TYPE(args[0]) != state->ladder_type) {
        PyErr_Format(PyExc_TypeError, "%s() takes a ladder of arbkit_speed", name);
        return NULL;
    }
    return (Ladder *)args[0];
}

PyObject *
ladder_change(PyObject *module, PyObject *const *args, Py_ssize_t count)
{
    State *state = PyModule_GetState(module);
    Ladder *self = ladder_of(state, args, count, 2, 2, "change");
    Pairs found;
    if (self == NULL || pairs_of(state, args[1], &found) < 0) {
        return NULL;
    }
    const Pair *pairs = found.room ? found.pairs : ((Rows *)args[1])->pairs;
    if (found.count > PY_SSIZE_T_MAX / 2 - self->held ||
        (self->held + found.count > self->room && resize(self, roomy(self->held + found.count)) < 0)) {
        pairs_free(&found);
        return PyErr_Occurred() ? NULL : PyErr_NoMemory();
    }
    self->changes++;
    Py_ssize_t near = self->held;
    for (Py_ssize_t at = 0; at < found.count;) {
        at += set(self, pairs + at, found.count - at, &near);
    }
    pairs_free(&found);
    while (self->held > 0 && self->sizes[self->held - 1] == 0.0) {
        self->held--;
    }
    if (self->held > self->sweep_at) {
        sweep(self);
    } else {
        trim(self);
    }
    return best_px(self);
}

/* Sort by key; equal ones keep their order. `spare` is as large. */
static void
sort(Pair *pairs, Pair *spare, Py_ssize_t count)
{
    Pair *from = pairs, *to = spare;
    for (Py_ssize_t width = 1; width < count; width *= 2) {
        for (Py_ssize_t low = 0; low < count; low += 2 * width) {
            Py_ssize_t middle = low + width < count ? low + width : count;
            Py_ssize_t high = middle + width < count ? middle + width : count;
            Py_ssize_t left = low, right = middle;
            for (Py_ssize_t at = low; at < high; at++) {
                int second = left == middle || (right < high && from[right].px < from[left].px);
                to[at] = from[second ? right++ : left++];
            }
        }
        Pair *done = to;
        to = from;
        from = done;
    }
    if (from != pairs && count > 0) {
        memcpy(pairs, from, (size_t)count * sizeof(Pair));
    }
}

/* The pairs with a size, by ascending key, the last of each: their number. `kept` has room for all. */
static Py_ssize_t
arrange(const Pair *pairs, Py_ssize_t count, double sign, Pair *kept, Pair *spare)
{
    Py_ssize_t length = 0;
    int rising = 1, falling = 1;
    for (Py_ssize_t at = 0; at < count; at++) {
        if (pairs[at].qty != 0.0) {
            double key = sign * pairs[at].px;
            if (length > 0) {
                rising &= kept[length - 1].px < key;
                falling &= kept[length - 1].px > key;
            }
            kept[length].px = key;
            kept[length].qty = pairs[at].qty;
            length++;
        }
    }
    if (rising) {
        return length;
    }
    if (falling) { /* as venues send a book */
        for (Py_ssize_t low = 0, high = length - 1; low < high; low++, high--) {
            Pair held = kept[low];
            kept[low] = kept[high];
            kept[high] = held;
        }
        return length;
    }
    sort(kept, spare, length);
    Py_ssize_t last = 0;
    for (Py_ssize_t at = 1; at < length; at++) {
        last += kept[at].px != kept[last].px;
        kept[last] = kept[at];
    }
    return last + 1;
}

/* A number of levels: 0, or -1 with an error. A larger one than fits is cut to the largest. */
static int
number_of(PyObject *value, Py_ssize_t *number)
{
    *number = PyNumber_AsSsize_t(value, NULL);
    if (*number < 0 && !PyErr_Occurred()) {
        PyErr_SetString(PyExc_ValueError, "a number of levels is negative");
    }
    return *number < 0 ? -1 : 0;
}

PyObject *
ladder_replace(PyObject *module, PyObject *const *args, Py_ssize_t count)
{
    State *state = PyModule_GetState(module);
    Ladder *self = ladder_of(state, args, count, 2, 4, "replace");
    Py_ssize_t keep = 0, most = 0;
    if (self == NULL || (count > 2 && number_of(args[2], &keep) < 0) || (count > 3 && number_of(args[3], &most) < 0)) {
        return NULL;
    }
    Pairs found;
    if (pairs_of(state, args[1], &found) < 0) {
        return NULL;
    }
    const Pair *pairs = found.room ? found.pairs : ((Rows *)args[1])->pairs;
    Pair *kept = NULL;
    if (found.count <= PY_SSIZE_T_MAX / 4 / (Py_ssize_t)sizeof(Pair)) {
        kept = PyMem_Malloc(2 * (size_t)found.count * sizeof(Pair));
    }
    if (kept == NULL) {
        pairs_free(&found);
        return PyErr_NoMemory();
    }
    Py_ssize_t length = arrange(pairs, found.count, self->sign, kept, kept + found.count);
    pairs_free(&found);
    if (length > self->room && resize(self, roomy(length)) < 0) {
        PyMem_Free(kept);
        return NULL;
    }
    self->changes++;
    for (Py_ssize_t at = 0; at < length; at++) {
        self->keys[at] = kept[at].px;
        self->sizes[at] = kept[at].qty;
    }
    PyMem_Free(kept);
    self->held = length;
    self->keep = keep;
    self->most = most;
    if (keep > 0 && length > most) {
        sweep(self);
    } else {
        swept(self);
    }
    return best_px(self);
}

/* --- what a reader sees --- */

static PyObject *
level_at(const Ladder *self, Py_ssize_t at)
{
    return Py_BuildValue("(dd)", self->sign * self->keys[at], self->sizes[at]);
}

static PyObject *
ladder_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    double sign;
    if (kwargs != NULL && PyDict_Size(kwargs) > 0) {
        PyErr_SetString(PyExc_TypeError, "Ladder() takes no keyword arguments");
        return NULL;
    }
    if (!PyArg_ParseTuple(args, "d:Ladder", &sign)) {
        return NULL;
    }
    if (sign != 1.0 && sign != -1.0) {
        PyErr_SetString(PyExc_ValueError, "the sign of a ladder is 1.0 (bids) or -1.0 (asks)");
        return NULL;
    }
    Ladder *self = (Ladder *)PyType_GenericAlloc(type, 0);
    if (self != NULL) {
        self->sign = sign;
        self->sweep_at = SLACK;
    }
    return (PyObject *)self;
}

static void
ladder_dealloc(PyObject *op)
{
    Ladder *self = (Ladder *)op;
    PyTypeObject *type = Py_TYPE(op);
    freefunc free_it = (freefunc)PyType_GetSlot(type, Py_tp_free);
    PyMem_Free(self->keys);
    PyMem_Free(self->sizes);
    free_it(op);
    Py_DECREF(type);
}

static Py_ssize_t
ladder_length(PyObject *op)
{
    const Ladder *self = (const Ladder *)op;
    Py_ssize_t alive = 0;
    for (Py_ssize_t at = 0; at < self->held; at++) {
        alive += self->sizes[at] != 0.0;
    }
    return alive;
}

static PyObject *
ladder_best(PyObject *op, PyObject *unused)
{
    const Ladder *self = (const Ladder *)op;
    (void)unused;
    if (self->held == 0) {
        Py_RETURN_NONE;
    }
    return level_at(self, self->held - 1);
}

static PyObject *
ladder_size_at(PyObject *op, PyObject *px)
{
    const Ladder *self = (const Ladder *)op;
    double key = self->sign * PyFloat_AsDouble(px);
    if (PyErr_Occurred()) {
        return NULL;
    }
    Py_ssize_t at = find(self, key, self->held);
    return PyFloat_FromDouble(at < self->held && self->keys[at] == key ? self->sizes[at] : 0.0);
}

static PyObject *
ladder_top(PyObject *op, PyObject *wanted)
{
    const Ladder *self = (const Ladder *)op;
    Py_ssize_t count = PyNumber_AsSsize_t(wanted, PyExc_ValueError);
    if (count < 0) {
        if (!PyErr_Occurred()) {
            PyErr_SetString(PyExc_ValueError, "the number of levels is negative");
        }
        return NULL;
    }
    PyObject *found = PyList_New(0);
    /* making a tuple may run the collector, and that others' code: look at the ladder anew each time */
    for (Py_ssize_t at = self->held; found != NULL && count > 0 && at > 0 && at <= self->held; at--) {
        if (self->sizes[at - 1] != 0.0) {
            PyObject *level = level_at(self, at - 1);
            if (level == NULL || PyList_Append(found, level) < 0) {
                Py_CLEAR(found);
            }
            Py_XDECREF(level);
            count--;
        }
    }
    return found;
}

static PyObject *
ladder_sizeof(PyObject *op, PyObject *unused)
{
    const Ladder *self = (const Ladder *)op;
    (void)unused;
    return PyLong_FromSsize_t((Py_ssize_t)sizeof(Ladder) + 2 * self->room * (Py_ssize_t)sizeof(double));
}

static PyObject *
ladder_iter(PyObject *op)
{
    State *state = PyType_GetModuleState(Py_TYPE(op));
    Walk *walk = state == NULL ? NULL : (Walk *)PyType_GenericAlloc(state->walk_type, 0);
    if (walk != NULL) {
        walk->ladder = (Ladder *)Py_NewRef(op);
        walk->at = walk->ladder->held;
        walk->changes = walk->ladder->changes;
    }
    return (PyObject *)walk;
}

static PyObject *
get_best_px(PyObject *op, void *unused)
{
    (void)unused;
    return best_px((const Ladder *)op);
}

static PyObject *
get_sign(PyObject *op, void *unused)
{
    (void)unused;
    return PyFloat_FromDouble(((const Ladder *)op)->sign);
}

static PyObject *
get_keep(PyObject *op, void *unused)
{
    (void)unused;
    return PyLong_FromSsize_t(((const Ladder *)op)->keep);
}

static PyMethodDef ladder_methods[] = {
    {"best", ladder_best, METH_NOARGS, "best($self, /)\n--\n\n(price, size) of the best level; None when empty."},
    {"size_at", ladder_size_at, METH_O, "size_at($self, px, /)\n--\n\nThe size at a price, 0 where there is none."},
    {"top", ladder_top, METH_O, "top($self, count, /)\n--\n\nThe best levels, at most so many."},
    {"__sizeof__", ladder_sizeof, METH_NOARGS, "Memory in bytes, with the levels."},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef ladder_getset[] = {
    {"best_px", get_best_px, NULL, "The best price; 0.0 when there is no bid, inf when there is no ask.", NULL},
    {"sign", get_sign, NULL, "+1.0 for bids, -1.0 for asks.", NULL},
    {"keep", get_keep, NULL, "The best levels that a sweep keeps; 0 = all.", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyType_Slot ladder_slots[] = {
    {Py_tp_doc, "One side of a book, compiled: see arbkit.core.market.ladder."},
    {Py_tp_new, ladder_new},
    {Py_tp_dealloc, ladder_dealloc},
    {Py_tp_iter, ladder_iter},
    {Py_tp_methods, ladder_methods},
    {Py_tp_getset, ladder_getset},
    {Py_sq_length, ladder_length},
    {0, NULL},
};

PyType_Spec ladder_spec = {
    .name = "arbkit_speed.Ladder",
    .basicsize = sizeof(Ladder),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = ladder_slots,
};

/* --- the iterator --- */

static void
walk_dealloc(PyObject *op)
{
    PyTypeObject *type = Py_TYPE(op);
    freefunc free_it = (freefunc)PyType_GetSlot(type, Py_tp_free);
    Py_XDECREF((PyObject *)((Walk *)op)->ladder);
    free_it(op);
    Py_DECREF(type);
}

static PyObject *
walk_next(PyObject *op)
{
    Walk *self = (Walk *)op;
    const Ladder *ladder = self->ladder;
    if (self->changes != ladder->changes) {
        PyErr_SetString(PyExc_RuntimeError, "the book changed while its levels were read");
        return NULL;
    }
    while (self->at > 0) {
        self->at--;
        if (ladder->sizes[self->at] != 0.0) {
            return level_at(ladder, self->at);
        }
    }
    return NULL;
}

static PyType_Slot walk_slots[] = {
    {Py_tp_dealloc, walk_dealloc},
    {Py_tp_iter, PyObject_SelfIter},
    {Py_tp_iternext, walk_next},
    {0, NULL},
};

PyType_Spec walk_spec = {
    .name = "arbkit_speed.Walk",
    .basicsize = sizeof(Walk),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = walk_slots,
};
