#!/usr/bin/env python3
"""Builds the documentation's site below target/site/html. Beside the files in `docs` it has the reference of the REST API, made
from `docs/openapi.json`, and the project's own pages (ARCHITECTURE.md and its siblings), whose links are set right."""
import json, re, shutil, subprocess, sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
SITE = ROOT / "target" / "site"
# Where the project's own pages are on the site.
PROJECT = {name: name for name in ("ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md")} | {
    "shared/templates/README.md": "how-to/add-a-template.md", "console/README.md": "how-to/work-on-the-console.md"}
METHODS = ["get", "post", "put", "patch", "delete"]


def main():
    pages = SITE / "pages"
    shutil.rmtree(SITE, ignore_errors=True)
    shutil.copytree(DOCS, pages)
    (pages / "reference.md").write_text(reference(json.loads((DOCS / "openapi.json").read_text())))
    for name, place in PROJECT.items():
        text = (ROOT / name).read_text()
        for other, there in PROJECT.items():
            text = text.replace(f"]({other}", f"]({there}")
        (pages / place).write_text(text.replace("](docs/", "](").replace("](../docs/", "](../"))
    for page in pages.rglob("*.md"):
        below = len(page.relative_to(pages).parts) - 1
        # From docs/… one folder further up are the project's pages; on the site they are beside the others.
        text = re.sub(r"\]\((?:\.\./){%d}(%s)" % (below + 1, "|".join(PROJECT)), lambda found: f"]({'../' * below}{found[1]}", page.read_text())
        page.write_text(text)
    codes = ", ".join(f"errors/{path.name}" for path in sorted((DOCS / "errors").glob("*.md")))
    config = Path(__file__).with_name("mkdocs.yml").read_text()
    (SITE / "mkdocs.yml").write_text(config.replace("- Errors: [] # build.py fills it", f"- Errors: [{codes}]"))
    done = subprocess.run([Path(sys.executable).with_name("zensical"), "build", "--strict"], cwd=SITE)
    sys.exit(done.returncode)


def reference(document):
    """The routes by tag: parameters, body and answers, with the schemas below them."""
    schemas = document["components"]["schemas"]
    tags = {}
    for path, item in document["paths"].items():
        for method in METHODS:
            if method in item:
                tags.setdefault((item[method].get("tags") or ["other"])[0], []).append((method, path, item[method]))
    lines = ["# REST API", "", document["info"].get("description", ""), "",
             "Made from the server's own description, `GET /openapi.json`. Errors are `application/problem+json`, with a page for each code.", ""]
    for tag in sorted(tags):
        lines += [f"## {tag.replace('-', ' ').replace('_', ' ').capitalize()}", ""]
        for method, path, operation in tags[tag]:
            lines += route(method, path, operation, schemas)
    return "\n".join(lines) + "\n"


def route(method, path, operation, schemas):
    lines = [f"### `{method.upper()} {path}`", "", f"**{plain(operation.get('summary', ''))}.** {plain(operation.get('description', ''))}", ""]
    parameters = operation.get("parameters", [])
    if parameters:
        lines += ["| Parameter | In | Type | |", "| --- | --- | --- | --- |"]
        lines += [f"| `{one['name']}`{'' if one.get('required') else ' (optional)'} | {one['in']} | {kind(one.get('schema', {}), schemas)} | {cell(one.get('description'))} |"
                  for one in parameters]
        lines.append("")
    for media, content in (operation.get("requestBody") or {}).get("content", {}).items():
        lines += [f"Body, `{media}`: {kind(content.get('schema', {}), schemas)}", ""]
        lines += fields(content.get("schema", {}), schemas)
    lines += ["| Answer | | Body |", "| --- | --- | --- |"]
    for status, answer in operation.get("responses", {}).items():
        bodies = ", ".join(f"{kind(content.get('schema', {}), schemas)}" for content in answer.get("content", {}).values())
        lines.append(f"| {status} | {cell(answer.get('description'))} | {bodies} |")
    return lines + [""]


def resolved(schema, schemas):
    name = schema.get("$ref", "").rpartition("/")[2]
    return schemas.get(name, {}) if name else schema


def fields(schema, schemas):
    """A table of an object's fields."""
    known = resolved(schema, schemas)
    properties, required = known.get("properties", {}), known.get("required", [])
    if not properties:
        return []
    lines = ["| Field | Type | |", "| --- | --- | --- |"]
    lines += [f"| `{name}`{'' if name in required else ' (optional)'} | {kind(field, schemas)} | {cell(field.get('description'))} |"
              for name, field in properties.items()]
    return lines + [""]


def kind(schema, schemas):
    """A schema in a word or two."""
    if not isinstance(schema, dict):
        return "any"
    if "$ref" in schema:
        return f"`{schema['$ref'].rpartition('/')[2]}`"
    for either in ("oneOf", "anyOf"):
        if either in schema:
            return " or ".join(kind(one, schemas) for one in schema[either])
    if "enum" in schema:
        return " or ".join(f"`{json.dumps(one)}`" for one in schema["enum"])
    kinds = schema.get("type", "any")
    kinds = kinds if isinstance(kinds, list) else [kinds]
    said = [f"array of {kind(schema.get('items', {}), schemas)}" if one == "array" else one for one in kinds if one != "null"]
    return " or ".join(said) or "null"


def plain(text):
    return " ".join((text or "").split())


def cell(text):
    return plain(text).replace("|", "\\|")


if __name__ == "__main__":
    main()
