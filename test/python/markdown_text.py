"""What TensorBoard's Markdown makes of texts.

Usage: markdown_text.py FILE, a JSON list of texts, each of one paragraph. Prints as JSON the texts as a browser
would show them, and the names of all tags that they became, in order.
"""

import json
import sys
from html.parser import HTMLParser

from tensorboard.plugin_util import markdown_to_safe_html


class Shown(HTMLParser):
    """Gathers text and tags."""

    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.text = []
        self.tags = []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)

    def handle_data(self, data):
        self.text.append(data)


texts, tags = [], set()
with open(sys.argv[1], encoding="utf-8") as file:
    for markdown in json.load(file):
        shown = Shown()
        shown.feed(markdown_to_safe_html(markdown))
        shown.close()
        texts.append("".join(shown.text))
        tags.update(shown.tags)
print(json.dumps({"texts": texts, "tags": sorted(tags)}))
