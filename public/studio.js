// What has to happen beside Chainlit's own interface.

// The theme follows the system until somebody chooses one; Chainlit alone would begin in the dark.
try {
  localStorage.getItem("vite-ui-theme") || localStorage.setItem("vite-ui-theme", "system")
} catch {
  // No storage here: Chainlit's default it is.
}

// What the elements in public/elements/ share. They can import no files of ours, so the pane's modules come from here.
window.htmlgen = {
  pane: import("./pane/pane.js"),

  // What the chat's messages know about pages: {title, outcome}. They learn it at a page's end, and new props from the
  // server would open a pane that somebody closed.
  names: new (class extends EventTarget {
    known = new Map()

    get(page) {
      return this.known.get(page)
    }

    learn(page, facts) {
      this.known.set(page, facts)
      this.dispatchEvent(new Event("change"))
    }
  })(),
}

// A line over the chat until the model is ready. Not a message: one would take the welcome screen away, and whatever
// was typed there with it.
const app = new URL("..", document.currentScript.src) // the chat's own address is /thread/… once it has begun
async function tellLoading(line) {
  for (;;) {
    try {
      const answer = await fetch(new URL("ready", app), { cache: "no-store" })
      const { status, reason } = await answer.json()
      if (status === "ready") break
      if (!line) {
        line = document.body.appendChild(document.createElement("div"))
        line.id = "model-status"
        line.setAttribute("role", "status")
      }
      const text = status === "failed" ? reason : `Getting the model ready. ${reason}`
      if (line.textContent !== text) line.textContent = text
      line.dataset.state = status
    } catch {
      // The server is not there; Chainlit says so itself.
    }
    await new Promise((resolve) => setTimeout(resolve, 1000))
  }
  if (line) line.remove()
}
addEventListener("DOMContentLoaded", () => tellLoading(null))
