/* writer.join_in_python and make_tag_in_python in C: texts into the octets of an answer, with one copy of each.
 *
 * They say exactly what the Python forms do; tests/property/test_writer.py holds the two together.
 */

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stdint.h>
#include <string.h>

/* Texts outside ASCII, which are few, and whatever is no text. */
static PyObject *join_any(PyObject *texts)
{
    PyObject *octets = NULL, *nothing = PyUnicode_New(0, 0), *text = nothing ? PyUnicode_Join(nothing, texts) : NULL;
    if (text != NULL)
        octets = PyUnicode_AsEncodedString(text, "utf-8", "surrogateescape");
    Py_XDECREF(nothing);
    Py_XDECREF(text);
    return octets;
}

static PyObject *join(PyObject *module, PyObject *texts)
{
    Py_ssize_t count, length = 0;
    PyObject *octets;
    char *to;
    (void)module;
    if (!PyTuple_Check(texts)) {
        PyErr_SetString(PyExc_TypeError, "takes a tuple of texts");
        return NULL;
    }
    count = PyTuple_GET_SIZE(texts);
    for (Py_ssize_t i = 0; i < count; i++) {
        PyObject *text = PyTuple_GET_ITEM(texts, i);
        if (!PyUnicode_Check(text) || !PyUnicode_IS_COMPACT_ASCII(text))
            return join_any(texts);
        /* The lengths of texts that are in memory can add up to too much only where one stands here many times. */
        if (PyUnicode_GET_LENGTH(text) > PY_SSIZE_T_MAX - length)
            return PyErr_NoMemory();
        length += PyUnicode_GET_LENGTH(text);
    }
    octets = PyBytes_FromStringAndSize(NULL, length);
    if (octets == NULL)
        return NULL;
    to = PyBytes_AS_STRING(octets);
    for (Py_ssize_t i = 0; i < count; i++) {
        PyObject *text = PyTuple_GET_ITEM(texts, i);
        memcpy(to, PyUnicode_1BYTE_DATA(text), PyUnicode_GET_LENGTH(text));
        to += PyUnicode_GET_LENGTH(text);
    }
    return octets;
}

enum { TAG_DIGITS = 10 };

static PyObject *make_tag(PyObject *module, PyObject *name)
{
    Py_hash_t hash = PyObject_Hash(name);
    uint64_t rest = (uint64_t)(int64_t)hash;
    PyObject *tag;
    (void)module;
    if (hash == -1)
        return NULL;
    tag = PyUnicode_New(TAG_DIGITS, 127);
    if (tag != NULL)
        for (int i = TAG_DIGITS - 1; i >= 0; i--, rest >>= 4)
            PyUnicode_1BYTE_DATA(tag)[i] = "0123456789abcdef"[rest & 15];
    return tag;
}

static PyMethodDef functions[] = {
    {"join", join, METH_O, "See callrouter.sip.writer.join_in_python."},
    {"make_tag", make_tag, METH_O, "See callrouter.sip.writer.make_tag_in_python."},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef module_definition = {
    PyModuleDef_HEAD_INIT, "_write", "The writer of callrouter.sip.writer, compiled.", -1, functions,
    NULL, NULL, NULL, NULL,
};

PyMODINIT_FUNC PyInit__write(void)
{
    return PyModule_Create(&module_definition);
}
