"""The repo's page for people: title, pictures, card text, files. Everything is escaped."""

from collections.abc import Callable
from html import escape

from fluxlora_desktop.practice.huggingface.card import Card
from fluxlora_desktop.practice.huggingface.state import Repo, StoredFile

_PICTURES = (".png", ".jpg", ".jpeg", ".webp")
_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem;
       color: #1c2430; background: #fbfaf7 }
h1 { font-size: 1.6rem } .note { background: #fff3c9; padding: .5rem .8rem; border-radius: .5rem }
.tag { background: #e6eaf0; border-radius: 1rem; padding: .1rem .6rem; font-size: .85rem }
.pictures { display: grid; grid-template-columns: repeat(auto-fill, minmax(14rem, 1fr)); gap: 1rem }
.pictures img { width: 100%; border-radius: .6rem }
pre { white-space: pre-wrap; background: #f0efe9; padding: 1rem; border-radius: .6rem }
"""


def repo_page(repo: Repo, card: Card, tags: list[str], address: Callable[[StoredFile], str]) -> str:
    """Return the page as HTML; `address` says where a file of the repo can be had."""
    title = escape(repo.id)
    files = "".join(
        f'<li><a href="{escape(address(file))}">{escape(file.path)}</a>, {file.size:,} bytes</li>'
        for file in repo.head.files
    )
    pictures = "".join(
        f'<img src="{escape(address(file))}" alt="{escape(file.path)}">'
        for file in repo.head.files
        if file.path.lower().endswith(_PICTURES)
    )
    chips = " ".join(f'<span class="tag">{escape(tag)}</span>' for tag in tags)
    seen_by = "private" if repo.private else "public"
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        f"<style>{_STYLE}</style></head><body>"
        '<p class="note">Practice: this page is on your own computer.</p>'
        f'<h1>{title} <span class="tag">{seen_by}</span></h1><p>{chips}</p>'
        f'<div class="pictures">{pictures}</div><pre>{escape(card.body.strip())}</pre>'
        f"<h2>Files</h2><ul>{files}</ul><p>Commit {repo.head.id}</p></body></html>"
    )
