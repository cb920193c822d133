// What has to happen beside Chainlit's own interface.

// The theme follows the system until somebody chooses one; Chainlit alone would begin in the dark.
try {
  localStorage.getItem("vite-ui-theme") || localStorage.setItem("vite-ui-theme", "system")
} catch {
  // No storage here: Chainlit's default it is.
}

// A line over the chat until the model is ready. Not a message: one would take the welcome screen away, and whatever
// was typed there with it.
async function tellLoading(line) {
  for (;;) {
    try {
      const answer = await fetch("ready", { cache: "no-store" })
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
