// What has to happen beside Chainlit's own interface.

// The theme follows the system until somebody chooses one; Chainlit alone would begin in the dark.
try {
  localStorage.getItem("vite-ui-theme") || localStorage.setItem("vite-ui-theme", "system")
} catch {
  // No storage here: Chainlit's default it is.
}

// A page that a button asked for is no message of the reader's, to which Chainlit would scroll: it is kept in sight while it
// grows, until the reader does anything else in the chat.
let following = null
function follow(button, which) {
  leaveAlone()
  const pressed = button.closest(".step")
  const show = () => (which === "last" ? [...document.querySelectorAll(".step")].at(-1) : pressed)?.scrollIntoView({ block: "nearest" })
  following = new ResizeObserver(show)
  following.observe(pressed.parentElement)
}
function leaveAlone() {
  following?.disconnect()
  following = null
}
for (const act of ["wheel", "touchmove", "pointerdown", "keydown"])
  addEventListener(act, ({ target }) => target.closest?.("#side-view-content") || leaveAlone(), { capture: true, passive: true })

// What the elements in public/elements/ share. They can import no files of ours, so the pane's modules come from here.
window.htmlgen = {
  pane: import("./pane/pane.js"),
  follow,

  // What the chat's messages know about pages: {title, outcome, size}. They learn it at a page's end, and new props from
  // the server would open a pane that somebody closed.
  names: new (class extends EventTarget {
    known = new Map()

    get(page) {
      return this.known.get(page)
    }

    learn(page, facts) {
      this.known.set(page, { ...this.known.get(page), ...facts })
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

// Names for Chainlit's buttons that have only a picture, for who cannot see it.
const NAMES = {
  "#upload-button": "Bring an .html file along",
  "#chat-settings-open-modal": "Settings",
  "#chat-submit": "Send",
  "#stop-button": "Stop the model",
  "#new-chat-button": "New chat",
  "#sidebar-trigger-button": "Chats",
  "#search-chats-button": "Search the chats",
  "#thread-options": "Rename or delete this chat",
  "#user-nav-button": "You",
  "#chat-profiles": "Model",
  ".edit-message": "Change this message",
  "button:has(> .lucide-arrow-down)": "To the newest message",
  "form button:has(> :is(.lucide-eye, .lucide-eye-off))": "Show or hide the password",
  "[role=slider]": (slider) => slider.closest("div:has(label)")?.querySelector("label").textContent || "Value",
  "#side-view-title button": "Close the pane",
  "[id^=command-]": (button) => button.id.slice("command-".length),
}
function name() {
  for (const [which, says] of Object.entries(NAMES))
    for (const button of document.querySelectorAll(`${which}:not([aria-label])`))
      button.setAttribute("aria-label", typeof says === "string" ? says : says(button))
  // What else Chainlit's markup tells a screen reader wrongly.
  for (const option of document.querySelectorAll("div#thread-options:not([role])")) option.setAttribute("role", "button")
  for (const part of document.querySelectorAll("ul[data-sidebar=menu] > div:not([role])")) part.setAttribute("role", "listitem")
  for (const handle of document.querySelectorAll("[role=separator][aria-controls]")) handle.removeAttribute("aria-controls")
  for (const [inside, says] of [["#side-view-content", "Preview"], ["#thread-history", "Chats"]])
    for (const sheet of document.querySelectorAll(`[role=dialog][aria-labelledby]:has(${inside})`)) {
      sheet.removeAttribute("aria-labelledby")
      sheet.setAttribute("aria-label", says)
    }
}
let naming = 0
const named = () => ((naming = 0), name())
addEventListener("DOMContentLoaded", () => {
  // At most twice a second: a page that is being written changes the document all the time.
  const later = () => (naming = naming || setTimeout(named, 500))
  new MutationObserver(later).observe(document.body, { childList: true, subtree: true })
})

// What pages say is for the pane (public/pane/channel.js), and for nobody else here: Chainlit would send every word of it to the
// server through the chat's own socket, which a page could fill until the server closes it.
const pages = (window.htmlgenPages = new EventTarget())
addEventListener(
  "message",
  (event) => {
    if (event.source === window) return
    event.stopImmediatePropagation()
    pages.dispatchEvent(Object.assign(new Event("message"), { said: event }))
  },
  true,
)

// Messages of our own server, which come by way of Chainlit's socket, hence from this window; pages are others.
addEventListener("message", ({ source, data }) => {
  if (source !== window || !/^[\w-]+$/.test(data?.id)) return
  if (data.htmlgen === "chat") keepAddress(data.id)
  if (data.htmlgen === "deleted") beginAnew()
})

// A tab that is closed says so, with socket.io's own word for it. Else the server would take it for a lost connection and
// write on for a while (chat/reconnect.py).
const sockets = []
window.WebSocket = class extends WebSocket {
  constructor(...given) {
    super(...given)
    if (new URL(this.url).pathname.endsWith("/ws/socket.io/")) sockets.push(this)
  }
}
addEventListener("pagehide", () => {
  for (const socket of sockets) if (socket.readyState === WebSocket.OPEN) socket.send("41")
})

// The chat's address, so that a reload finds it again. Chainlit sets it where its list of chats is, which a phone has not
// open.
let addressLater
function keepAddress(chat) {
  clearTimeout(addressLater)
  addressLater = setTimeout(() => {
    if (location.pathname === app.pathname) history.replaceState(history.state, "", new URL(`thread/${chat}`, app))
  }, 500)
}
// A chat that is left before then must not give its address to the one that follows.
addEventListener("click", ({ target }) => target.closest?.("#new-chat-button") && clearTimeout(addressLater), true)

// This tab's chat has been deleted, here or in another tab. Chainlit would go on showing it, and lose what is said there.
function beginAnew() {
  const button = document.getElementById("new-chat-button")
  if (button) button.click()
  else location.assign(app)
}
