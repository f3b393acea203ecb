"""What may be wrong with a module: its source with one small thing changed, for every small thing that counts.

Comparisons, conditions, constants, branches, loops, returns, calls and entries of tables, wherever they stand:
properties and tables of a module count as much as functions. Annotations, docstrings, decorators and texts for people
are left alone. Pure.
"""

import ast
from collections.abc import Iterator
from dataclasses import dataclass

_COMPARISONS: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}
_ARITHMETIC: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.FloorDiv,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.FloorDiv,
    ast.Pow: ast.Mult,
    ast.BitXor: ast.BitAnd,
    ast.BitAnd: ast.BitOr,
    ast.RShift: ast.LShift,
}
_WORDS = frozenset(
    ("AutoAttendantStatus", "CallType", "ComponentState", "GatewayStatus", "Reason", "Selection", "Transport")
) | {"UriType", "VoipSecurity"}
"""Enums: another value than the one that is written is a mutant."""
_TEXT_METHODS = frozenset(("casefold", "lower", "strip", "replace", "removeprefix", "translate"))
_FOR_PEOPLE = frozenset(("Rule",))
"""Calls whose texts only people read."""
_LONGEST_TEXT = 80


@dataclass(frozen=True)
class Mutant:
    """One change of one module."""

    line: int
    place: str
    """The function or class that it is in; "" at the top of the module."""
    change: str
    """Before and after."""
    source: str
    """The whole module, changed."""

    def __str__(self) -> str:
        return f"{self.place}: {self.change}"


def list_mutants(source: str) -> list[Mutant]:
    """Every mutant of this source, in the order of its lines."""
    tree = ast.parse(source)
    mutants = [
        Mutant(node.lineno, place, f"{_short(before)} -> {_short(after)}", changed)
        for node, place in _walk(tree, "")
        if isinstance(node, (ast.expr, ast.stmt))
        for after in _changes(node)
        for before, changed in [_splice(source, node, after)]
        if before != after
    ]
    return sorted(mutants, key=lambda mutant: (mutant.line, mutant.change))


def _walk(node: ast.AST, place: str) -> Iterator[tuple[ast.AST, str]]:
    """Every node that may be changed, with where it is."""
    if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
        place = f"{place}.{node.name}" if place else node.name
        children: list[ast.AST] = list(node.body)
        if isinstance(node, ast.FunctionDef):
            children += [*node.args.defaults, *(default for default in node.args.kw_defaults if default)]
    elif _is_left_alone(node):
        return
    else:
        yield node, place
        children = list(_parts(node))
    for child in children:
        yield from _walk(child, place)


def _parts(node: ast.AST) -> Iterator[ast.AST]:
    """The children of a node that may be changed."""
    match node:
        case ast.Assign(targets=[ast.Tuple()], value=ast.Tuple(elts=elts)):
            # One entry less could not even be unpacked.
            yield from elts
        case ast.Call(func=ast.Name(id=name)) if name in _FOR_PEOPLE:
            yield from (part for part in node.args if not isinstance(part, ast.Constant))
        case ast.AnnAssign(value=ast.expr() as value):
            yield value
        case ast.AnnAssign():
            return
        case _:
            yield from ast.iter_child_nodes(node)


def _is_left_alone(node: ast.AST) -> bool:
    match node:
        case ast.Import() | ast.ImportFrom() | ast.Expr(value=ast.Constant()):
            return True
        case ast.AnnAssign(annotation=ast.Name(id="TypeAlias")):
            return True
        case ast.Assign(targets=[ast.Name(id="__slots__")]):
            return True
        case ast.Constant(value=None):
            return True
    return False


def _changes(node: ast.AST) -> Iterator[str]:
    """What may stand in a node's place, as source."""
    match node:
        case ast.Compare():
            yield from _change_compare(node)
        case ast.BoolOp(op=op, values=values):
            yield _write(ast.BoolOp(ast.Or() if isinstance(op, ast.And) else ast.And(), values))
            yield from (_write(value) for value in values)
        case ast.UnaryOp(operand=operand):
            yield _write(operand)
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _ARITHMETIC:
            yield _write(ast.BinOp(left, _ARITHMETIC[type(op)](), right))
        case ast.IfExp(body=body, orelse=orelse):
            yield _write(body)
            yield _write(orelse)
        case ast.Call():
            yield from _change_call(node)
        case ast.ListComp() | ast.GeneratorExp() | ast.SetComp() | ast.DictComp():
            yield from _change_comprehension(node)
        case ast.stmt():
            yield from _change_statement(node)
        case _:
            yield from _change_value(node)


def _change_compare(node: ast.Compare) -> Iterator[str]:
    for place, op in enumerate(node.ops):
        for other in _COMPARISONS[type(op)]:
            ops = [*node.ops[:place], other(), *node.ops[place + 1 :]]
            yield _write(ast.Compare(node.left, ops, node.comparators))


def _change_value(node: ast.AST) -> Iterator[str]:
    match node:
        case ast.Constant(value=value):
            yield from _change_constant(value)
        case ast.JoinedStr():
            yield '"mutant"'
        case ast.Attribute(value=ast.Name(id=name)) if name in _WORDS:
            yield "None"
        case ast.Tuple(ctx=ast.Load()) | ast.List(ctx=ast.Load()) | ast.Dict():
            yield from _change_table(node)


def _change_constant(value: object) -> Iterator[str]:
    if isinstance(value, bool):
        yield str(not value)
    elif isinstance(value, (int, float)):
        yield str(value + 1)
        yield str(value - 1)
    elif isinstance(value, str):
        yield repr(f"{value}mutant")


def _change_call(node: ast.Call) -> Iterator[str]:
    match node.func:
        case ast.Attribute(value=receiver, attr=attr) if attr in _TEXT_METHODS:
            yield _write(receiver)
        case ast.Name(id="any" | "all" as name):
            yield _write(ast.Call(ast.Name("all" if name == "any" else "any"), node.args, node.keywords))
        case ast.Name(id="sorted" | "min" | "reversed"):
            yield f"list({_write(node.args[0])})" if node.func.id != "min" else f"max{_write(node)[3:]}"
    for keyword in node.keywords:
        yield _write(ast.Call(node.func, node.args, [each for each in node.keywords if each is not keyword]))


def _change_table(node: ast.Tuple | ast.List | ast.Dict) -> Iterator[str]:
    """The table without one of its entries."""
    if isinstance(node, ast.Dict):
        for place in range(len(node.keys)):
            keys, values = node.keys[:], node.values[:]
            del keys[place], values[place]
            yield _write(ast.Dict(keys, values))
    else:
        for place in range(len(node.elts)):
            kept = [*node.elts[:place], *node.elts[place + 1 :]]
            yield _write(ast.Tuple(kept, ast.Load()) if isinstance(node, ast.Tuple) else ast.List(kept, ast.Load()))


def _change_comprehension(node: ast.ListComp | ast.GeneratorExp | ast.SetComp | ast.DictComp) -> Iterator[str]:
    """The comprehension without one of its conditions."""
    for place, generator in enumerate(node.generators):
        for condition in generator.ifs:
            ifs = [each for each in generator.ifs if each is not condition]
            changed = ast.comprehension(generator.target, generator.iter, ifs, generator.is_async)
            generators = [*node.generators[:place], changed, *node.generators[place + 1 :]]
            if isinstance(node, ast.DictComp):
                yield _write(ast.DictComp(node.key, node.value, generators))
            else:
                yield _write(type(node)(node.elt, generators))


def _change_statement(node: ast.AST) -> Iterator[str]:
    match node:
        case ast.Return(value=ast.expr()):
            yield "return None"
        case ast.Assign(targets=[ast.Attribute()]) | ast.Expr(value=ast.Call()):
            yield "pass"
        case ast.Assign(targets=[ast.Tuple(elts=[ast.Attribute(), *_])]):
            yield "pass"
        case ast.AugAssign(target=target, value=value):
            yield f"{_write(target)} = {_write(value)}"


def _write(node: ast.AST) -> str:
    return ast.unparse(ast.fix_missing_locations(node))


def _splice(source: str, node: ast.expr | ast.stmt, after: str) -> tuple[str, str]:
    """The node as it was, in one spelling, and the source with `after` in its place."""
    lines = source.encode().splitlines(keepends=True)
    assert node.end_lineno is not None
    first, last = node.lineno - 1, node.end_lineno - 1
    head, tail = lines[first][: node.col_offset], lines[last][node.end_col_offset :]
    # In brackets, because a change may bind less tightly.
    middle = f"({after})" if isinstance(node, ast.expr) else after
    changed = b"".join([*lines[:first], head, middle.encode(), tail, *lines[last + 1 :]])
    return _write(node), changed.decode()


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST_TEXT else f"{line[: _LONGEST_TEXT - 3]}..."
