// What lies over the pane for a moment: menus, lists, forms. One is open at a time. Escape or a click beside it closes it,
// and the focus goes back to where it was.

export class Layers {
  // `under` is asked to take Escape when nothing is open; true if it did.
  constructor(under) {
    this.top = null
    this.outside = (event) => {
      const { element, opener, sticky } = this.top ?? {}
      if (element && !sticky && !element.contains(event.target) && !opener?.contains(event.target)) this.close()
    }
    this.away = (event) => {
      if (event.key !== "Escape" || event.isComposing) return
      if (this.top) this.close()
      else if (!under()) return
      event.stopImmediatePropagation() // else the sheet that holds the pane on a phone would close, too
      event.preventDefault()
    }
    // On the window and first, for Chainlit's own dialogs listen on the document.
    window.addEventListener("keydown", this.away, true)
    document.addEventListener("pointerdown", this.outside, true)
  }

  // `element` is shown, and hidden again by `close`; `closed` is told. A `sticky` one stays when somebody clicks beside it.
  open(element, { opener = null, focus = null, closed = null, sticky = false } = {}) {
    this.close(false)
    this.top = { element, opener, closed, sticky, before: document.activeElement }
    element.hidden = false
    opener?.setAttribute("aria-expanded", "true")
    ;(focus ?? element.querySelector("button:not([disabled]), [href], input, textarea, select"))?.focus({
      preventScroll: true,
    })
  }

  toggle(element, options) {
    if (this.top?.element === element) this.close()
    else this.open(element, options)
  }

  close(focus = true) {
    if (!this.top) return
    const { element, opener, closed, before } = this.top
    this.top = null
    const inside = element.contains(document.activeElement) || document.activeElement === document.body
    element.hidden = true
    opener?.setAttribute("aria-expanded", "false")
    if (focus && inside) (opener?.isConnected ? opener : before)?.focus?.({ preventScroll: true })
    closed?.()
  }

  destroy() {
    window.removeEventListener("keydown", this.away, true)
    document.removeEventListener("pointerdown", this.outside, true)
  }
}

// Arrow keys, Home and End between the `selector`s in `box`, as menus and tabs have it.
export function arrows(box, selector, { vertical = false, follow = false } = {}) {
  box.addEventListener("keydown", (event) => {
    const items = [...box.querySelectorAll(selector)].filter((item) => item.getClientRects().length)
    const at = items.indexOf(document.activeElement)
    const [before, after] = vertical ? ["ArrowUp", "ArrowDown"] : ["ArrowLeft", "ArrowRight"]
    const to = { [before]: at - 1, [after]: at + 1, Home: 0, End: items.length - 1 }[event.key]
    if (to === undefined || at < 0) return
    event.preventDefault()
    event.stopPropagation()
    const item = items[(to + items.length) % items.length]
    item.focus()
    if (follow) item.click()
  })
}
