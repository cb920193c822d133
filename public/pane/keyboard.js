// The pane's keys, while the focus is in it and not in a text; Escape is with layers.js.

import { WIDTHS } from "./stage.js"

export const SHORTCUTS = [
  ["1, 2, 3", "Preview, code, console"],
  ["[ and ]", "Version before, version after"],
  ["v", "List of versions"],
  ["d", "Difference to the version before"],
  ["w", "Next width: phone, tablet, desktop, fill"],
  ["p", "Point at an element to change it"],
  ["e", "Edit the code by hand"],
  ["Ctrl S", "Save the edit as a version"],
  ["r", "Load the page again"],
  ["f", "Full screen"],
  ["?", "This list"],
  ["Esc", "Close what is open; leave the editor"],
]

export function heedKeys(pane) {
  const keys = {
    1: () => pane.choose("preview"),
    2: () => pane.choose("code"),
    3: () => pane.choose("console"),
    "[": () => pane.step(-1),
    "]": () => pane.step(1),
    v: () => pane.number.click(), // a button that is disabled does nothing
    d: () => pane.differBefore(),
    w: () => pane.setWidth(after(Object.keys(WIDTHS), pane.stage.width)),
    p: () => pane.pickButton.click(),
    e: () => pane.edit(),
    r: () => pane.reload(),
    f: () => pane.fullScreen(),
    "?": () => pane.layers.toggle(pane.keys, { opener: pane.more, focus: pane.keys }),
  }
  pane.root.addEventListener("keydown", (event) => {
    if ((event.ctrlKey || event.metaKey) && event.key === "s" && pane.draft) {
      event.preventDefault()
      return void pane.save()
    }
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return
    if (event.target.closest("input, textarea, select") || !Object.hasOwn(keys, event.key)) return
    event.preventDefault()
    keys[event.key]()
  })
}

const after = (names, name) => names[(names.indexOf(name) + 1) % names.length]
