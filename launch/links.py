"""Checks the links of the project's documents, and makes them lead somewhere on the site of launch/docs.

    python3 links.py PROJECT [SITE]

README and articles link each other, and files of the project, by relative paths, so that they can be
followed where they stand. Each must lead to a file, and to a heading where it names one.

DocC takes such paths for addresses of the site, where no such pages are. With SITE, a link to an article
gets the address of its page, and a link to anything that the site does not have becomes text.
"""

import json
import pathlib
import re
import sys

LINK = re.compile(r"\]\(([^()\s]+)\)")
HEADING = re.compile(r"^#+ +(.*?) *$")


def relative(target):
    return not re.match(r"[a-z]+:|/", target)


def bare(text):
    """A heading or its anchor, without what renderers of Markdown spell in different ways."""
    return re.sub(r"[^a-z0-9]", "", text.lower())


def prose(document):
    """The lines that are not code."""
    is_code = False
    for line in document.read_text().splitlines():
        if line.startswith("```"):
            is_code = not is_code
        elif not is_code:
            yield line


def headings(document):
    return {bare(match[1]) for match in map(HEADING.match, prose(document)) if match}


def destination(document, target):
    """The file and the heading (or an empty text) that a link means."""
    path, _, fragment = target.partition("#")
    return (document.parent / path).resolve() if path else document, bare(fragment)


def articles(project):
    return sorted(project.glob("Sources/*/*.docc/*.md"))


def broken_links(project):
    documents = [project / "README.md", *sorted(project.glob(".github/*.md")), *articles(project)]
    for document in documents:
        for target in LINK.findall("\n".join(prose(document))):
            if not relative(target):
                continue
            file, heading = destination(document, target)
            where = f"{document.relative_to(project)}: '{target}'"
            if not file.exists():
                yield f"{where} leads to no file"
            elif heading and heading not in headings(file):
                yield f"{where} leads to no heading"


# --- The site


def link_site(project, site):
    pages = {}  # by article
    for article in articles(project):
        module = article.parent.stem
        path = module if article.stem == module else f"{module}/{article.stem}"
        pages[article] = path.lower()
    data = site / "data" / "documentation"
    contents = {article: json.loads((data / f"{page}.json").read_text()) for article, page in pages.items()}
    for article, content in contents.items():
        dead = set()
        for identifier, reference in content["references"].items():
            if reference["type"] != "link" or not relative(reference["url"]):
                continue
            file, heading = destination(article, reference["url"])
            if file in pages:
                reference["url"] = f"/documentation/{pages[file]}" + anchor(contents[file], heading)
            else:
                dead.add(identifier)
        for part in parts(content):
            if part.get("type") == "reference" and part["identifier"] in dead:
                part["isActive"] = False
        (data / f"{pages[article]}.json").write_text(json.dumps(content, separators=(",", ":")))


def parts(value):
    """All objects in a page."""
    if isinstance(value, dict):
        yield value
    for part in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from parts(part)


def anchor(content, heading):
    """DocC's anchor of a page's heading, or nothing where there is none."""
    for part in parts(content):
        if heading and part.get("type") == "heading" and bare(part["anchor"]) == heading:
            return "#" + part["anchor"]
    return ""


if __name__ == "__main__":
    project = pathlib.Path(sys.argv[1]).resolve()
    complaints = list(broken_links(project))
    for complaint in complaints:
        print(complaint, file=sys.stderr)
    if complaints:
        sys.exit(1)
    for site in sys.argv[2:]:
        link_site(project, pathlib.Path(site))
