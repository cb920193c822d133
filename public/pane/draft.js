// A hand edit: the text in the editor, its preview while somebody types, and what becomes of it.
//
// The preview is a page like any other: the text is posted to /pages/<id>/draft, which serves it under the same headers as
// what a model wrote (htmlgen/preview.py). Text that was not saved is kept while the tab is open, in case the pane closes.

import { Editor } from "./editor.js"

const PAUSE_MS = 350 // after the last key until the preview follows

const unsaved = new Map() // page -> text

export class Draft {
  // `preview(page, key)` shows the draft's page (the key admits its remote files), `trouble(message)` says what failed, `changed()` that there is something to save.
  constructor(page, original, url, { preview, trouble, changed }) {
    Object.assign(this, { page, url, preview, trouble, changed })
    // A text area knows one kind of line end; the page keeps its own.
    this.lineEnd = /\r\n/.test(original) && !/(^|[^\r])\n/.test(original) ? "\r\n" : "\n"
    this.original = original.replace(/\r\n?/g, "\n")
    this.editor = new Editor("HTML source. Tab indents; Escape leaves the editor", () => this.type())
    this.editor.text = unsaved.get(page) ?? this.original
    this.sending = this.again = this.closed = false
    if (this.dirty) this.post()
  }

  static kept(page) {
    return unsaved.has(page)
  }

  get text() {
    return this.editor.text.replaceAll("\n", this.lineEnd)
  }

  get dirty() {
    return this.editor.text !== this.original
  }

  type() {
    if (this.dirty) unsaved.set(this.page, this.editor.text)
    else unsaved.delete(this.page)
    this.changed()
    clearTimeout(this.timer)
    this.timer = setTimeout(() => this.post(), PAUSE_MS)
  }

  async post() {
    if (this.sending) {
      this.again = true
      return
    }
    this.sending = true
    try {
      const response = await fetch(this.url, {
        method: "POST",
        body: this.text,
        headers: { "Content-Type": "text/plain; charset=utf-8" },
      })
      const answer = await response.json().catch(() => ({}))
      if (this.closed) return
      if (!response.ok)
        this.trouble(answer.detail || `The preview of your changes failed: the server answered ${response.status}.`)
      else {
        this.trouble("")
        this.preview(answer.page, answer.remote)
      }
    } catch {
      if (!this.closed)
        this.trouble("The preview of your changes failed: the server cannot be reached. Your text is still here.")
    }
    this.sending = false
    if (!this.again || this.closed) return
    this.again = false
    this.post()
  }

  // Saved or thrown away: nothing is kept.
  forget() {
    unsaved.delete(this.page)
    this.close()
  }

  close() {
    this.closed = true
    clearTimeout(this.timer)
    this.editor.element.remove()
  }
}
