/* scanner.scan_in_python and its neighbours in C: the head of a plain request in one pass over its octets.
 *
 * They say and refuse exactly what the Python forms do; tests/property/test_scanner.py holds the two together. Nothing
 * is kept between calls but a few usual names, and nothing is read beyond the buffer: every loop stops at
 * its end. Where a request is not plain the answer is None, never an error.
 */

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stdint.h>
#include <string.h>

typedef const unsigned char *octets;

typedef struct {
    octets at;
    Py_ssize_t length;
} slice;

/* Which header fields of a row the scan looks at. */
enum field { OTHER, VIA, FROM, TO, CALL_ID, CSEQ, MAX_FORWARDS, CONTENT_LENGTH, CONTENT_TYPE, DIVERSION, HISTORY_INFO, FIELDS };

enum { TOKEN = 1, PRINTABLE = 2 };
static unsigned char octet_class[256];
static unsigned char lower_case[256];

static const char *const usual_methods[] = {"INVITE", "ACK", "BYE", "CANCEL", "OPTIONS"};
enum { USUAL_METHODS = sizeof(usual_methods) / sizeof(usual_methods[0]) };
static PyObject *method_names[USUAL_METHODS];
static PyObject *scheme_names[2];
static PyObject *empty;

static int is_name(slice name, const char *lower)
{
    for (Py_ssize_t i = 0; i < name.length; i++)
        if (lower_case[name.at[i]] != (unsigned char)lower[i])
            return 0;
    return 1;
}

/* The full names and, of one letter, the compact ones (RFC 3261 7.3.3). */
static enum field find_field(slice name)
{
    switch (name.length) {
    case 1:
        switch (lower_case[name.at[0]]) {
        case 'v': return VIA;
        case 'f': return FROM;
        case 't': return TO;
        case 'i': return CALL_ID;
        case 'l': return CONTENT_LENGTH;
        case 'c': return CONTENT_TYPE;
        default: return OTHER;
        }
    case 2: return is_name(name, "to") ? TO : OTHER;
    case 3: return is_name(name, "via") ? VIA : OTHER;
    case 4: return is_name(name, "from") ? FROM : is_name(name, "cseq") ? CSEQ : OTHER;
    case 7: return is_name(name, "call-id") ? CALL_ID : OTHER;
    case 9: return is_name(name, "diversion") ? DIVERSION : OTHER;
    case 12:
        return is_name(name, "max-forwards") ? MAX_FORWARDS
             : is_name(name, "content-type") ? CONTENT_TYPE
             : is_name(name, "history-info") ? HISTORY_INFO : OTHER;
    case 14: return is_name(name, "content-length") ? CONTENT_LENGTH : OTHER;
    default: return OTHER;
    }
}

static int is_token(slice text)
{
    if (text.length == 0)
        return 0;
    for (Py_ssize_t i = 0; i < text.length; i++)
        if (!(octet_class[text.at[i]] & TOKEN))
            return 0;
    return 1;
}

/* A number of 1 to `most` digits, or -1. */
static long read_number(slice text, int most)
{
    long number = 0;
    if (text.length == 0 || text.length > most)
        return -1;
    for (Py_ssize_t i = 0; i < text.length; i++) {
        if (text.at[i] < '0' || text.at[i] > '9')
            return -1;
        number = number * 10 + (text.at[i] - '0');
    }
    return number;
}

static Py_ssize_t find_octet(slice text, Py_ssize_t from, int octet)
{
    octets found;
    if (from >= text.length)
        return -1;
    found = memchr(text.at + from, octet, text.length - from);
    return found ? found - text.at : -1;
}

static int begins_with(slice text, const char *start)
{
    Py_ssize_t length = strlen(start);
    return text.length >= length && memcmp(text.at, start, length) == 0;
}

/* Where the <...> of From or To ends, and a tag may begin; 0 where the address is not plain. */
static Py_ssize_t find_end_of_address(slice text)
{
    Py_ssize_t end = find_octet(text, 0, '>'), opening, quote, closing;
    slice before;
    if (end <= 0)
        return 0;
    before.at = text.at;
    before.length = end;
    opening = find_octet(before, 0, '<');
    if (opening < 0 || before.at[end - 1] == '<' || before.at[end - 1] == ' ')
        return 0;
    quote = find_octet(before, 0, '"');
    if (quote < 0)
        return end + 1;
    closing = find_octet(before, 1, '"');
    if (quote > 0 || closing < 0 || closing > opening || find_octet(before, 0, '\\') >= 0
        || find_octet(before, closing + 1, '"') >= 0)
        return 0;
    return end + 1;
}

/* The tag behind the address, empty where there is none; 0 where something else stands there. */
static int read_tag(slice text, Py_ssize_t end, slice *tag)
{
    slice rest = {text.at + end, text.length - end};
    tag->at = rest.at;
    tag->length = 0;
    if (rest.length == 0)
        return 1;
    if (!begins_with(rest, ";tag="))
        return 0;
    tag->at = rest.at + 5;
    tag->length = rest.length - 5;
    return is_token(*tag);
}

/* branch, rport and alias, each once and in any order; with the cookie, and more than that (17.2.3). */
static int read_via_params(slice params, slice *branch, int *wants_port)
{
    int has_alias = 0;
    *branch = (slice){params.at, 0};
    *wants_port = 0;
    for (;;) {
        Py_ssize_t semicolon = find_octet(params, 0, ';');
        slice piece = {params.at, semicolon < 0 ? params.length : semicolon};
        if (piece.length == 5 && !*wants_port && memcmp(piece.at, "rport", 5) == 0)
            *wants_port = 1;
        else if (piece.length == 5 && !has_alias && memcmp(piece.at, "alias", 5) == 0)
            has_alias = 1;
        else if (branch->length == 0 && begins_with(piece, "branch=")) {
            branch->at = piece.at + 7;
            branch->length = piece.length - 7;
            if (!is_token(*branch))
                return 0;
        } else
            return 0;
        if (semicolon < 0)
            break;
        params.at += semicolon + 1;
        params.length -= semicolon + 1;
    }
    return branch->length > 7 && is_name((slice){branch->at, 7}, "z9hg4bk");
}

static PyObject *make_text(slice text)
{
    PyObject *made;
    if (text.length == 0)
        return Py_NewRef(empty);
    made = PyUnicode_New(text.length, 127);
    if (made != NULL)
        memcpy(PyUnicode_1BYTE_DATA(made), text.at, text.length);
    return made;
}

static PyObject *make_lower_text(slice text)
{
    PyObject *made = PyUnicode_New(text.length, 127);
    if (made != NULL) {
        unsigned char *to = PyUnicode_1BYTE_DATA(made);
        for (Py_ssize_t i = 0; i < text.length; i++)
            to[i] = lower_case[text.at[i]];
    }
    return made;
}

static PyObject *make_method(slice text)
{
    for (int i = 0; i < USUAL_METHODS; i++)
        if (text.length == (Py_ssize_t)strlen(usual_methods[i]) && begins_with(text, usual_methods[i]))
            return Py_NewRef(method_names[i]);
    return make_text(text);
}

/* The rows of Via behind the first one, each as a line. */
static PyObject *make_via_lines(const slice *vias, Py_ssize_t count)
{
    Py_ssize_t length = 0;
    PyObject *made;
    unsigned char *to;
    if (count == 0)
        return Py_NewRef(empty);
    for (Py_ssize_t i = 0; i < count; i++)
        length += vias[i].length + 7;
    made = PyUnicode_New(length, 127);
    if (made == NULL)
        return NULL;
    to = PyUnicode_1BYTE_DATA(made);
    for (Py_ssize_t i = 0; i < count; i++) {
        memcpy(to, "Via: ", 5);
        memcpy(to + 5, vias[i].at, vias[i].length);
        memcpy(to + 5 + vias[i].length, "\r\n", 2);
        to += vias[i].length + 7;
    }
    return made;
}

/* Takes the references; NULL where one of them is. */
static PyObject *make_tuple(PyObject *const *parts, Py_ssize_t count)
{
    PyObject *made = PyTuple_New(count);
    for (Py_ssize_t i = 0; i < count; i++)
        if (parts[i] == NULL)
            Py_CLEAR(made);
    for (Py_ssize_t i = 0; i < count; i++) {
        if (made != NULL)
            PyTuple_SET_ITEM(made, i, parts[i]);
        else
            Py_XDECREF(parts[i]);
    }
    return made;
}

enum { MOST_VIAS = 16, PARTS = 20 };

typedef struct {
    slice head, method, uri, rows[FIELDS], more_vias[MOST_VIAS];
    Py_ssize_t more_vias_count;
    int has[FIELDS];
} request;

/* Where the printable octets of ASCII end: eight at once, then each of the eight that hold the end. */
static octets skip_printable(octets at, octets limit)
{
    const uint64_t ones = UINT64_C(0x0101010101010101), tops = ones * 0x80;
    while (limit - at >= 8) {
        uint64_t eight, low, del;
        memcpy(&eight, at, 8);
        low = (eight - ones * 0x20) & ~eight;
        del = (eight ^ ones * 0x7f) - ones;
        if ((eight | low | del) & tops)
            break;
        at += 8;
    }
    while (at < limit && (octet_class[*at] & PRINTABLE))
        at++;
    return at;
}

/* Cut the head that begins at `at`; 0 where it is not plain, not whole, or beyond a limit. */
static int cut(octets at, octets limit, Py_ssize_t max_headers, request *cut_request)
{
    octets start = at, line;
    memset(cut_request->has, 0, sizeof(cut_request->has));
    cut_request->more_vias_count = 0;

    while (at < limit && (octet_class[*at] & TOKEN))
        at++;
    cut_request->method = (slice){start, at - start};
    if (at == start || at == limit || *at != ' ')
        return 0;
    line = ++at;
    while (at < limit && *at != ' ' && (octet_class[*at] & PRINTABLE))
        at++;
    cut_request->uri = (slice){line, at - line};
    if (at == line || limit - at < 12 || memcmp(at, " SIP/2.0\r\n", 10) != 0)
        return 0;
    at += 10;

    for (;;) {
        slice name, value;
        enum field field;
        if (limit - at < 2)
            return 0;
        if (at[0] == '\r') {
            if (at[1] != '\n')
                return 0;
            cut_request->head = (slice){start, at - 2 - start};
            return 1;
        }
        if (max_headers-- <= 0)
            return 0;
        line = at;
        while (at < limit && (octet_class[*at] & TOKEN))
            at++;
        name = (slice){line, at - line};
        if (at == line || limit - at < 3 || at[0] != ':' || at[1] != ' ')
            return 0;
        line = at += 2;
        at = skip_printable(at, limit);
        value = (slice){line, at - line};
        if (at == line || line[0] == ' ' || at[-1] == ' ' || limit - at < 2 || at[0] != '\r' || at[1] != '\n')
            return 0;
        at += 2;
        field = find_field(name);
        if (field == OTHER)
            continue;
        if (!cut_request->has[field]) {
            cut_request->has[field] = 1;
            cut_request->rows[field] = value;
        } else if (field == DIVERSION) {
            cut_request->has[field] = 2;
        } else if (field == VIA) {
            if (cut_request->more_vias_count == MOST_VIAS)
                return 0;
            cut_request->more_vias[cut_request->more_vias_count++] = value;
        } else if (field != CONTENT_TYPE && field != HISTORY_INFO)
            return 0;
    }
}

static PyObject *read_request(const request *r, Py_ssize_t end)
{
    slice via, from, to, cseq, number_text, cseq_method, sent_by, params, branch, from_tag, to_tag;
    Py_ssize_t semicolon, space, from_end, to_end;
    long number, body_length = 0;
    int wants_port;
    PyObject *parts[PARTS];

    if (!r->has[VIA] || !r->has[FROM] || !r->has[TO] || !r->has[CALL_ID] || !r->has[CSEQ])
        Py_RETURN_NONE;
    via = r->rows[VIA];
    from = r->rows[FROM];
    to = r->rows[TO];
    cseq = r->rows[CSEQ];
    if (find_octet(r->rows[CALL_ID], 0, ' ') >= 0 || find_octet(via, 0, ',') >= 0)
        Py_RETURN_NONE;

    space = find_octet(cseq, 0, ' ');
    if (space < 0)
        Py_RETURN_NONE;
    number_text = (slice){cseq.at, space};
    cseq_method = (slice){cseq.at + space + 1, cseq.length - space - 1};
    number = read_number(number_text, 9);
    if (number < 0 || cseq_method.length != r->method.length
        || memcmp(cseq_method.at, r->method.at, cseq_method.length) != 0)
        Py_RETURN_NONE;

    if (r->has[MAX_FORWARDS]) {
        long forwards = read_number(r->rows[MAX_FORWARDS], 3);
        if (forwards < 0 || forwards > 255)
            Py_RETURN_NONE;
    }
    if (r->has[CONTENT_LENGTH]) {
        body_length = read_number(r->rows[CONTENT_LENGTH], 9);
        if (body_length < 0)
            Py_RETURN_NONE;
    } else if (r->has[CONTENT_TYPE])
        Py_RETURN_NONE;

    semicolon = find_octet(via, 0, ';');
    if (semicolon < 0)
        Py_RETURN_NONE;
    sent_by = (slice){via.at, semicolon};
    params = (slice){via.at + semicolon + 1, via.length - semicolon - 1};
    if (!read_via_params(params, &branch, &wants_port))
        Py_RETURN_NONE;
    from_end = find_end_of_address(from);
    to_end = find_end_of_address(to);
    if (from_end == 0 || to_end == 0 || !read_tag(from, from_end, &from_tag) || !read_tag(to, to_end, &to_tag))
        Py_RETURN_NONE;

    parts[0] = PyLong_FromSsize_t(end);
    parts[1] = make_text(r->head);
    parts[2] = make_method(r->method);
    parts[3] = make_text(r->uri);
    parts[4] = make_text(via);
    parts[5] = make_text(sent_by);
    parts[6] = make_lower_text(branch);
    parts[7] = PyBool_FromLong(wants_port);
    parts[8] = make_via_lines(r->more_vias, r->more_vias_count);
    parts[9] = make_text(from);
    parts[10] = make_text((slice){from.at, from_end});
    parts[11] = make_text(from_tag);
    parts[12] = make_text(to);
    parts[13] = make_text(to_tag);
    parts[14] = make_text(r->rows[CALL_ID]);
    parts[15] = make_text(cseq);
    parts[16] = PyLong_FromLong(number);
    parts[17] = PyLong_FromLong(body_length);
    parts[18] = r->has[DIVERSION] == 1 ? make_text(r->rows[DIVERSION]) : Py_NewRef(empty);
    parts[19] = PyBool_FromLong(r->has[DIVERSION] || r->has[HISTORY_INFO]);
    return make_tuple(parts, PARTS);
}

/* The octets from `start` on, as far as a head may reach; 0 where there are none, or an exception is set. */
static int take_octets(PyObject *const *args, Py_ssize_t nargs, octets *data, octets *limit, Py_ssize_t *max_headers)
{
    Py_ssize_t size, start, max_head_bytes;
    if (nargs != 4) {
        PyErr_SetString(PyExc_TypeError, "takes data, start, max_head_bytes, max_headers");
        return 0;
    }
    if (PyBytes_Check(args[0])) {
        *data = (octets)PyBytes_AS_STRING(args[0]);
        size = PyBytes_GET_SIZE(args[0]);
    } else if (PyByteArray_Check(args[0])) {
        *data = (octets)PyByteArray_AS_STRING(args[0]);
        size = PyByteArray_GET_SIZE(args[0]);
    } else {
        PyErr_SetString(PyExc_TypeError, "data must be bytes or a bytearray");
        return 0;
    }
    start = PyLong_AsSsize_t(args[1]);
    max_head_bytes = PyLong_AsSsize_t(args[2]);
    *max_headers = PyLong_AsSsize_t(args[3]);
    if (PyErr_Occurred() || start < 0 || start >= size || max_head_bytes < 0)
        return 0;
    *data += start;
    size -= start;
    *limit = *data + (size - 4 > max_head_bytes ? max_head_bytes + 4 : size);
    return 1;
}

static PyObject *refuse(void)
{
    if (PyErr_Occurred())
        return NULL;
    Py_RETURN_NONE;
}

static PyObject *scan(PyObject *module, PyObject *const *args, Py_ssize_t nargs)
{
    octets data, limit;
    Py_ssize_t max_headers;
    request cut_request;
    (void)module;
    if (!take_octets(args, nargs, &data, &limit, &max_headers))
        return refuse();
    if (!cut(data, limit, max_headers, &cut_request))
        Py_RETURN_NONE;
    return read_request(&cut_request, cut_request.head.length + 4 + PyLong_AsSsize_t(args[1]));
}

/* From the first row, a usual Via, to the end of the row. */
static octets skip_first_via(octets at, octets limit, slice *sent_by, slice *branch)
{
    if (limit - at < 5 || memcmp(at, "Via: ", 5) != 0)
        return NULL;
    sent_by->at = at += 5;
    while (at < limit && (octet_class[*at] & PRINTABLE) && *at != ';' && *at != ',')
        at++;
    sent_by->length = at - sent_by->at;
    if (sent_by->length == 0 || limit - at < 15 || memcmp(at, ";branch=z9hG4bK", 15) != 0)
        return NULL;
    branch->at = at + 8;
    at += 15;
    while (at < limit && (octet_class[*at] & TOKEN))
        at++;
    branch->length = at - branch->at;
    return branch->length > 7 && limit - at >= 2 && memcmp(at, "\r\n", 2) == 0 ? at : NULL;
}

/* The end of the head, where its last row says that no body follows and no other row is folded or says a length. */
static octets find_end_without_body(octets at, octets limit, Py_ssize_t max_headers)
{
    static const char last[] = "Content-Length: 0\r\n\r\n";
    const Py_ssize_t last_length = sizeof(last) - 1;
    for (; max_headers > 0; max_headers--) {
        octets line = at;
        at = memchr(line, '\r', limit - line);
        if (at == NULL || at == line || limit - at < 2 || at[1] != '\n' || memchr(line, '\n', at - line) != NULL)
            return NULL;
        at += 2;
        if (*line == ' ' || *line == '\t' || lower_case[*line] == 'l')
            return NULL;
        if (at - line >= 9 && is_name((slice){line, 9}, "content-l"))
            return limit - line >= last_length && memcmp(line, last, last_length) == 0 ? line + last_length : NULL;
    }
    return NULL;
}

static PyObject *scan_ack(PyObject *module, PyObject *const *args, Py_ssize_t nargs)
{
    octets data, limit, at;
    Py_ssize_t max_headers;
    slice sent_by, branch;
    (void)module;
    if (!take_octets(args, nargs, &data, &limit, &max_headers))
        return refuse();
    if (limit - data < 5 || memcmp(data, "ACK ", 4) != 0)
        Py_RETURN_NONE;
    at = data + 4;
    while (at < limit && *at > ' ' && *at < 0x7f)
        at++;
    if (at == data + 4 || limit - at < 10 || memcmp(at, " SIP/2.0\r\n", 10) != 0)
        Py_RETURN_NONE;
    at = skip_first_via(at + 10, limit, &sent_by, &branch);
    if (at == NULL || (at = find_end_without_body(at + 2, limit, max_headers - 1)) == NULL)
        Py_RETURN_NONE;
    PyObject *parts[] = {
        PyLong_FromSsize_t(at - data + PyLong_AsSsize_t(args[1])), make_text(sent_by), make_lower_text(branch),
    };
    return make_tuple(parts, 3);
}

/* The octets of a class from `at` on. */
static slice take_while(octets at, octets limit, int (*is_wanted)(int))
{
    octets start = at;
    while (at < limit && is_wanted(*at))
        at++;
    return (slice){start, at - start};
}

static int is_digit(int octet)
{
    return octet >= '0' && octet <= '9';
}

static int is_of_token(int octet)
{
    return octet_class[octet] & TOKEN;
}

static int is_of_host(int octet)
{
    int lower = lower_case[octet];
    return (lower >= 'a' && lower <= 'z') || is_digit(octet) || octet == '-' || octet == '.' || octet == '_';
}

static PyObject *cut_diversion(PyObject *module, PyObject *row)
{
    static const char middle[] = ">;reason=";
    const Py_ssize_t middle_length = sizeof(middle) - 1;
    octets at, limit, start;
    slice digits, number, host, reason;
    int is_secure;
    (void)module;
    if (!PyUnicode_Check(row)) {
        PyErr_SetString(PyExc_TypeError, "takes a text");
        return NULL;
    }
    if (PyUnicode_READY(row) < 0)
        return NULL;
    if (!PyUnicode_IS_ASCII(row))
        Py_RETURN_NONE;
    at = PyUnicode_1BYTE_DATA(row);
    limit = at + PyUnicode_GET_LENGTH(row);
    if (limit - at < 6 || memcmp(at, "<sip", 4) != 0)
        Py_RETURN_NONE;
    is_secure = at[4] == 's';
    at += 4 + is_secure;
    if (*at != ':')
        Py_RETURN_NONE;
    start = ++at;
    at += at < limit && *at == '+';
    digits = take_while(at, limit, is_digit);
    at += digits.length;
    number = (slice){start, at - start};
    if (digits.length == 0 || at == limit || *at != '@')
        Py_RETURN_NONE;
    host = take_while(at + 1, limit, is_of_host);
    at = host.at + host.length;
    if (host.length == 0 || limit - at <= middle_length || memcmp(at, middle, middle_length) != 0)
        Py_RETURN_NONE;
    reason = take_while(at + middle_length, limit, is_of_token);
    if (reason.length == 0 || reason.at + reason.length != limit)
        Py_RETURN_NONE;
    PyObject *parts[] = {
        Py_NewRef(scheme_names[is_secure]), make_text(number), make_lower_text(host), make_lower_text(reason),
    };
    return make_tuple(parts, 4);
}

static PyMethodDef functions[] = {
    {"scan", (PyCFunction)(void (*)(void))scan, METH_FASTCALL, "See callrouter.sip.scanner.scan_in_python."},
    {"scan_ack", (PyCFunction)(void (*)(void))scan_ack, METH_FASTCALL, "See callrouter.sip.scanner.scan_ack_in_python."},
    {"cut_diversion", cut_diversion, METH_O, "See callrouter.sip.scanner.cut_diversion_in_python."},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef module_definition = {
    PyModuleDef_HEAD_INIT, "_scan", "The scanner of callrouter.sip.scanner, compiled.", -1, functions,
    NULL, NULL, NULL, NULL,
};

PyMODINIT_FUNC PyInit__scan(void)
{
    for (int octet = 0; octet < 256; octet++) {
        int is_letter = (octet >= 'a' && octet <= 'z') || (octet >= 'A' && octet <= 'Z');
        int is_digit = octet >= '0' && octet <= '9';
        octet_class[octet] = 0;
        if (is_letter || is_digit || (octet != 0 && strchr("-.!%*_+`'~", octet) != NULL))
            octet_class[octet] |= TOKEN;
        if (octet >= 0x20 && octet < 0x7f)
            octet_class[octet] |= PRINTABLE;
        lower_case[octet] = octet >= 'A' && octet <= 'Z' ? octet + ('a' - 'A') : octet;
    }
    empty = PyUnicode_New(0, 0);
    if (empty == NULL)
        return NULL;
    for (int i = 0; i < USUAL_METHODS; i++)
        if ((method_names[i] = PyUnicode_InternFromString(usual_methods[i])) == NULL)
            return NULL;
    if ((scheme_names[0] = PyUnicode_InternFromString("sip")) == NULL
        || (scheme_names[1] = PyUnicode_InternFromString("sips")) == NULL)
        return NULL;
    return PyModule_Create(&module_definition);
}
