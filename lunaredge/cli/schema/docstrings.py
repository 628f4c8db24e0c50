"""What a class and its fields say of themselves in their docstrings."""

import ast
import inspect
import itertools
import textwrap


def class_text(shape: type) -> str:
    """Give a class's docstring, its lines joined into paragraphs."""
    paragraphs = (inspect.getdoc(shape) or "").split("\n\n")
    return "\n\n".join(_in_one_line(paragraph) for paragraph in paragraphs)


def field_texts(shape: type) -> dict[str, str]:
    """Give the docstring under each field or member, which Python itself forgets."""
    texts: dict[str, str] = {}
    for base in reversed(shape.__mro__):
        if base.__module__.startswith("lunaredge."):
            texts |= _own_texts(base)
    return texts


def _own_texts(shape: type) -> dict[str, str]:
    tree = ast.parse(textwrap.dedent(inspect.getsource(shape)))
    body = tree.body[0].body if isinstance(tree.body[0], ast.ClassDef) else []
    texts: dict[str, str] = {}
    for field, text in itertools.pairwise(body):
        match field, text:
            case (
                ast.AnnAssign(target=ast.Name(id=name)) | ast.Assign(targets=[ast.Name(id=name)]),
                ast.Expr(value=ast.Constant(value=str(said))),
            ):
                texts[name] = _in_one_line(said)
    return texts


def _in_one_line(text: str) -> str:
    return " ".join(text.split())
