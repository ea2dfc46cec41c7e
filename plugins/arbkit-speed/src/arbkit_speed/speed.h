/* What the three files of the module share.

   Only the limited API of Python 3.11 is used (Py_LIMITED_API, set by setup.py): one wheel serves all later versions.
   The interpreter's lock is held throughout. Nothing is borrowed beyond one call: rows are copied out of the message,
   and a ladder owns its numbers. */

#ifndef ARBKIT_SPEED_H
#define ARBKIT_SPEED_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <float.h>
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef struct {
    double px;
    double qty;
} Pair;

/* Pairs under construction: on the stack while they are few, then from PyMem. */
#define FEW 64
typedef struct {
    Pair *pairs;
    Py_ssize_t count;
    Py_ssize_t room;
    Pair few[FEW];
} Pairs;

/* Levels as an immutable sequence: what `rows` makes of a text. */
typedef struct {
    PyObject_VAR_HEAD
    Pair pairs[1];
} Rows;

typedef struct {
    PyTypeObject *rows_type;
    PyTypeObject *ladder_type;
    PyTypeObject *walk_type;
    PyObject *level; /* arbkit.core.types.Level */
    PyObject *raw;   /* msgspec.Raw */
    PyObject *px;    /* the names of a level's attributes */
    PyObject *qty;
    PyObject *bids; /* and of a message's */
    PyObject *asks;
} State;

/* rows.c */
extern PyType_Spec rows_spec;
PyObject *rows_read(PyObject *module, PyObject *const *args, Py_ssize_t count);
PyObject *rows_reader(PyObject *module, PyObject *otherwise);
void pairs_init(Pairs *found);
void pairs_free(Pairs *found);
int pairs_gather(State *state, PyObject *levels, Pairs *found);

/* ladder.c */
extern PyType_Spec ladder_spec;
extern PyType_Spec walk_spec;
PyObject *ladder_change(PyObject *module, PyObject *const *args, Py_ssize_t count);
PyObject *ladder_replace(PyObject *module, PyObject *const *args, Py_ssize_t count);

#endif
