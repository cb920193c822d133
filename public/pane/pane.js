// The pane beside the chat: one page, drawing itself while it is written, and what can be done with it.
//
//   const pane = new Pane(element, host); pane.update(props); pane.close()
//
// `props` come from the server (chat/pane.py): {page, part, version, title, writing, model, versions, publishable, vote}.
// `host` is what the app lends: url(path) of the server's routes, act(name, payload) for the chat's actions, stop(), and
// names, what the chat's messages know about pages. No framework, so that nothing but a new page ever reloads a frame.

import { CodeView, copyText, sizeOf } from "./code.js"
import { buildControls } from "./controls.js"
import { Console } from "./console.js"
import { Draft } from "./draft.js"
import { say, set } from "./element.js"
import { icon } from "./icons.js"
import { heedKeys } from "./keyboard.js"
import { Layers } from "./layers.js"
import { Picker } from "./picker.js"
import { follow, whole } from "./source.js"
import { Stage, WIDTHS } from "./stage.js"
import { Difference, factsOf, STATES, VersionList } from "./versions.js"
import { Votes } from "./votes.js"

export { CodeView, copyText, follow, sizeOf }

export class Pane {
  constructor(root, host) {
    Object.assign(this, { root, host })
    this.props = null
    this.shown = "" // the page on show, which a reader may have chosen and the server not know yet
    this.asked = [] // pages that the server was asked to show, oldest first
    this.tab = "preview"
    this.loads = {} // how often a page was loaded again
    this.remote = new Map() // pages that may load remote files -> the key to them
    this.blocked = new Set() // the remote files that the page on show was refused
    this.drawn = ""
    this.draft = null
    this.view = null
    this.leave = () => {}
    this.wrap = true
    this.build()
    this.learn = () => this.props && this.render()
    host.names.addEventListener("change", this.learn)
  }

  build() {
    this.layers = new Layers(() => this.escape())
    this.console = new Console({
      fix: (error) => this.fix(error),
      jump: (line) => this.jump(line),
      count: (errors) => this.countErrors(errors),
    })
    this.stage = new Stage({
      hear: (report) => this.hear(report),
      flood: (kind) =>
        this.console.note(
          kind === "reports"
            ? "The page sends more than can be shown; it is not listened to until it is loaded again."
            : "The page was taken out, for it flooded the chat.",
        ),
      drawn: (key) => {
        this.drawn = key
        this.render()
      },
      sized: (width, scale) => {
        const text = scale < 1 ? `${width} px · ${Math.round(scale * 100)}%` : `${width} px`
        for (const size of this.sizes) say(size, text)
      },
    })
    this.picker = new Picker(this.layers, {
      send: (change) => this.act("change_element", { page: this.shown, ...change }, "The request could not be sent"),
      tell: (message) => this.stage.send(message),
      focus: () => {
        this.choose("preview")
        this.stage.frame?.focus()
      },
      changed: (on) => set(this.pickButton, "aria-pressed", String(on)),
    })
    this.versionList = new VersionList({
      show: (version) => this.look(version),
      restore: (version) => this.restore(version),
      differ: (version) => this.differ(version.page, this.shown),
    })
    this.difference = new Difference(
      (version) => whole(this.host.url(`${version.page}/source`)),
      () => this.closeDifference(),
    )
    this.votes = new Votes(this.layers, (payload) => this.act("vote", payload, "The vote was not kept"))
    buildControls(this)
    heedKeys(this)
  }

  // State

  update(props) {
    const before = this.props
    this.props = props
    const at = this.asked.indexOf(props.page)
    const news = !before || props.page !== before.page || props.part !== before.part
    if (at >= 0) this.asked.splice(0, at + 1)
    else if (news && !this.asked.length) this.arrive(props.page)
    this.render()
  }

  // The server shows another page: a new version, or one that was asked for in the chat.
  arrive(page) {
    if (this.draft && page !== this.shown) return // what somebody types stays; a notice tells of the new version
    this.show(page)
  }

  show(page) {
    if (page !== this.shown) {
      this.layers.close(false)
      this.picker.end()
      this.closeDifference(false)
      this.blocked.clear()
      this.trouble("")
    }
    this.shown = page
  }

  get versions() {
    const { versions, page, version, title, model } = this.props
    if (versions?.length) return versions
    return [
      { page, number: version || 1, instruction: title, created_at: "", size: 0, model, origin: "model", state: "" },
    ]
  }

  get entry() {
    const known = this.versions.find((version) => version.page === this.shown)
    return (
      known ?? {
        page: this.shown,
        number: this.props.version || 1,
        instruction: this.props.title,
        state: "",
        origin: "model",
      }
    )
  }

  get writing() {
    const open = this.shown === this.props.page ? this.props.writing : this.entry.state === "writing"
    // Some pages have ended without ever being drawn whole: their script does not end.
    return Boolean(open) && this.drawn !== this.key && !this.host.names.get(this.shown)?.outcome
  }

  get part() {
    return this.shown === this.props.page ? this.props.part || 1 : 1
  }

  get times() {
    return this.loads[`${this.shown}/${this.part}`] ?? 0
  }

  get key() {
    return `${this.shown}/${this.part}/${this.times}`
  }

  // "writing", "finished", "cut", "stopped", "failed", or "" where nobody said.
  get state() {
    return this.writing ? "writing" : this.ended(this.entry)
  }

  // How a version ended. The server's list of them is as old as the page's beginning.
  ended({ page, state }) {
    return state && state !== "writing" ? state : this.host.names.get(page)?.outcome || ""
  }

  // Nor does the list know how large the newest page has become.
  sized(version) {
    return { ...version, size: version.size || this.host.names.get(version.page)?.size }
  }

  render() {
    const { entry, versions, writing, state } = this
    const title =
      this.host.names.get(this.shown)?.title ||
      (this.shown === this.props.page ? this.props.title : entry.instruction) ||
      "Page"
    const at = versions.findIndex((version) => version.page === this.shown)
    const latest = versions.at(-1)
    const busy = Boolean(this.props.writing) && this.drawn !== this.key
    this.root.dataset.state = writing ? "drawing" : "done"
    this.root.dataset.outcome = state
    this.root.classList.toggle("pv-editing", Boolean(this.draft))
    this.dot.classList.toggle("pc-live", writing)
    this.dot.dataset.outcome = state
    set(this.dot, "aria-label", STATES[state])
    set(this.dot, "title", STATES[state])
    say(this.title, title)
    set(this.title, "title", title)
    say(
      this.outcome,
      ["cut", "stopped", "failed"].includes(state) ? { cut: "Cut", stopped: "Stopped", failed: "Failed" }[state] : "",
    )
    say(this.number, versions.length > 1 ? `v${entry.number} of ${versions.length}` : `v${entry.number}`)
    set(this.number, "aria-label", `Version ${entry.number} of ${versions.length}: show all versions`)
    this.before.disabled = at <= 0 || Boolean(this.draft)
    this.after.disabled = at < 0 || at >= versions.length - 1 || Boolean(this.draft)
    this.number.disabled = Boolean(this.draft)
    this.stepper.classList.toggle("pv-single", versions.length < 2)
    this.stopButton.hidden = !writing
    this.pickButton.disabled = writing || Boolean(this.draft)
    this.publish.hidden = !this.props.publishable || writing
    for (const links of this.links) {
      set(links.open, "href", this.address(this.shown, this.remote.get(this.shown)))
      set(links.download, "href", this.host.url(`${this.shown}/download`))
      set(links.print, "href", this.address(this.shown, this.remote.get(this.shown), { print: 1 }))
    }
    for (const [name, tab] of Object.entries(this.tabs)) {
      const on = name === this.tab
      set(tab, "aria-selected", String(on))
      set(tab, "tabindex", on ? "0" : "-1")
      this.tools[name].hidden = !on
      this.panels[name].classList.toggle("pv-off", !on)
    }
    for (const [name, button] of Object.entries(this.widths)) {
      set(button, "aria-checked", String(name === this.stage.width))
      set(button, "tabindex", name === this.stage.width ? "0" : "-1")
    }
    this.editButton.hidden = Boolean(this.draft)
    this.editButton.disabled = writing
    this.saveButton.hidden = this.discardButton.hidden = !this.draft
    this.saveButton.disabled = !this.draft?.dirty || Boolean(this.saving)
    say(this.saveButton, this.saving ? "Saving…" : "Save version")
    const count = this.blocked.size
    this.remoteNotice.hidden = !count || this.remote.has(this.shown)
    say(this.remoteText, count === 1 ? "1 remote file blocked" : `${count} remote files blocked`)
    say(this.remoteButton, count === 1 ? "Load it" : "Load them")
    set(this.remoteButton, "title", [...this.blocked].join("\n"))
    this.oldNotice.hidden = at < 0 || entry.page === latest.page || Boolean(this.draft) || !this.difference.element.hidden
    say(this.oldText, `This is v${entry.number}; the newest is v${latest.number}.`)
    this.newNotice.hidden = !this.draft || this.props.page === this.draft.page
    say(this.newText, "A new version is there. Your changes to this one are not saved.")
    const listed = versions.map((version) => ({
      ...this.sized(version),
      state: this.ended(version) || (busy && version.page === this.props.page ? "writing" : ""),
    }))
    this.versionList.update(listed, this.shown, Boolean(this.draft) || busy)
    say(this.facts, [`v${entry.number}`, entry.instruction, ...factsOf(this.sized(entry))].filter(Boolean).join(" · "))
    set(this.facts, "title", entry.instruction ?? "")
    this.votes.update(
      this.shown,
      this.shown === this.props.page ? this.props.vote : entry.vote,
      writing || Boolean(this.draft),
    )
    if (!this.draft) {
      if (this.stage.key !== this.key) {
        this.console.clear()
        this.blocked.clear()
        this.remoteNotice.hidden = true
      }
      this.stage.show(
        this.key,
        this.address(this.shown, this.remote.get(this.shown)),
        `Preview: ${title}`,
        this.times > 0,
      )
      this.readCode()
    }
  }

  // What a page reports, checked by channel.js and still the page's word.
  hear(report) {
    if (report.kind === "picked" || report.kind === "unpicked") return this.picker.hear(report)
    if (report.kind === "blocked") {
      if (!report.loadable || this.remote.has(this.shown)) return this.console.add(report)
      if (this.blocked.size < 50) this.blocked.add(report.url)
      return this.render()
    }
    this.console.add(report)
  }

  countErrors(errors) {
    if (!this.badge) return
    this.badge.hidden = !errors
    say(this.badge, errors > 99 ? "99+" : String(errors))
    set(this.tabs.console, "aria-label", errors ? `Console, ${errors} ${errors === 1 ? "error" : "errors"}` : null)
  }

  // Asks the chat for something; tells when it could not be done. True if it was.
  async act(name, payload, failed) {
    try {
      const answer = await this.host.act(name, payload)
      const error = answer?.response?.error
      if (error) this.trouble(`${failed}: ${error}`)
      return !error
    } catch (error) {
      this.trouble(`${failed}: ${error?.message || "the server cannot be reached"}. Please try again.`)
      return false
    }
  }

  trouble(text) {
    this.troubleNotice.hidden = !text
    say(this.troubleText, text)
  }

  // What the buttons do

  choose(tab) {
    this.closeDifference(false) // which lies over all of them
    this.tab = tab
    this.render()
  }

  setWidth(name) {
    this.stage.setWidth(name)
    this.render()
  }

  setWrap(on) {
    this.wrap = on
    set(this.wrapButton, "aria-pressed", String(on))
    this.paper.classList.toggle("pv-nowrap", !on)
  }

  reload() {
    if (this.draft) return void this.draft.post()
    this.picker.end()
    const of = `${this.shown}/${this.part}`
    this.loads[of] = (this.loads[of] ?? 0) + 1
    this.render()
  }

  // A page's address, with the key to its remote files if it may load them.
  address(page, key, query = {}) {
    const asked = new URLSearchParams(key ? { ...query, remote: key } : query)
    return this.host.url(`${page}/live${asked.size ? `?${asked}` : ""}`)
  }

  async loadRemote() {
    const page = this.shown
    try {
      const response = await fetch(this.host.url(`${page}/remote`), { method: "POST" })
      if (!response.ok) throw new Error()
      this.remote.set(page, (await response.json()).remote)
    } catch {
      return this.trouble("The remote files were not loaded: the server cannot be reached. Please try again.")
    }
    if (page !== this.shown) return
    if (this.draft) this.draft.post()
    else this.reload()
    this.render()
  }

  fullScreen() {
    if (document.fullscreenElement) return void document.exitFullscreen()
    if (this.root.requestFullscreen) this.root.requestFullscreen().catch(() => this.root.classList.toggle("pv-full"))
    else this.root.classList.toggle("pv-full") // a phone that has full screen for films only
  }

  step(by) {
    const at = this.versions.findIndex((version) => version.page === this.shown)
    const next = at < 0 ? undefined : this.versions[at + by]
    if (next && !this.draft) this.look(next)
  }

  // Shows a version at once, and has the chat go on from it: the next message changes what is in the pane.
  look(version) {
    if (version.page === this.shown) return this.layers.close()
    this.asked.push(version.page)
    this.show(version.page)
    this.render()
    say(this.live, `Showing version ${version.number} of ${this.versions.length}`)
    const payload = { page: version.page, version: version.number, part: 1, title: version.instruction }
    this.act("show_page", payload, "The chat goes on from another version").then((done) => {
      if (!done) this.asked = []
    })
  }

  async restore(version) {
    this.layers.close()
    await this.act("restore", { page: version.page }, `v${version.number} was not restored`)
  }

  differ(from, to) {
    if (from === to) return
    this.layers.close(false)
    const order = (page) => this.versions.findIndex((version) => version.page === page)
    const [a, b] = order(from) < order(to) ? [from, to] : [to, from]
    this.beforeDifference = document.activeElement
    this.difference.element.hidden = false
    this.render()
    this.difference.from.focus()
    return this.difference.show(this.versions, a, b)
  }

  closeDifference(focus = true) {
    if (this.difference.element.hidden) return false
    this.difference.element.hidden = true
    if (focus) {
      this.beforeDifference?.focus?.()
      this.render()
    }
    return true
  }

  fix(error) {
    if (this.writing) return this.trouble("The model is still writing this page. Ask again when it has finished.")
    this.act("fix_error", { page: this.shown, ...error }, "The request could not be sent")
  }

  // The code

  readCode() {
    if (this.tab !== "code" || this.draft) return
    const key = `${this.shown}/${this.part}`
    if (this.reading === key) return
    this.stopReading()
    this.reading = key
    const view = (this.view = new CodeView(this.code, this.writing))
    this.text = []
    this.leave = follow(this.shown, this.part, this.host.url(`${this.shown}/source`), {
      text: (piece) => {
        this.text.push(piece)
        view.push(piece)
        this.goThere()
      },
      end: (how) => {
        view.flush()
        this.goThere()
        this.goal = 0
        if (how === "gone") this.trouble("This page is no longer kept.")
        if (how === "failed") this.trouble("The connection to the server is lost.")
      },
    })
  }

  stopReading() {
    this.leave()
    this.view?.close()
    this.view = null
    this.reading = ""
    this.leave = () => {}
  }

  async copy() {
    const copied = await copyText(this.draft ? this.draft.text : this.text.join(""))
    this.copyButton.replaceChildren(icon(copied ? "check" : "warning"))
    say(this.live, copied ? "Copied" : "The browser did not allow copying")
    setTimeout(() => this.copyButton.replaceChildren(icon("copy")), 1500)
  }

  jump(line) {
    this.choose("code")
    if (this.draft) return this.draft.editor.goTo(line)
    this.goal = line // the text may still be on its way
    this.goThere()
  }

  goThere() {
    if (!this.goal) return
    this.view?.flush()
    const row = this.code.querySelector(`.pc-row[data-n="${Number(this.goal)}"]`)
    if (!row) return
    this.goal = 0
    this.view.pinned = false
    row.scrollIntoView({ block: "center" })
    row.classList.add("pc-here")
    setTimeout(() => row.classList.remove("pc-here"), 2000)
  }

  async edit() {
    if (this.draft || this.writing) return
    this.choose("code")
    const page = this.shown
    let text
    try {
      text = await whole(this.host.url(`${page}/source`))
    } catch (error) {
      return this.trouble(error.message)
    }
    if (page !== this.shown || this.draft) return
    this.picker.end()
    this.closeDifference(false)
    this.stopReading()
    this.draft = new Draft(page, text, this.host.url(`${page}/draft`), {
      preview: (draft, key) => {
        this.console.clear()
        this.stage.replace(this.address(draft, this.remote.has(page) ? key : null), "Preview of your changes")
      },
      trouble: (message) => this.trouble(message),
      changed: () => this.render(),
    })
    this.code.hidden = true
    this.paper.append(this.draft.editor.element)
    this.render()
    this.draft.editor.area.focus({ preventScroll: true })
    this.draft.editor.area.setSelectionRange(0, 0)
  }

  async save() {
    if (!this.draft?.dirty || this.saving) return
    const draft = this.draft
    const html = draft.text
    this.saving = true
    this.render()
    const saved = await this.act("save_edit", { page: draft.page, html }, "Not saved; your text is still here")
    this.saving = false
    // What was typed meanwhile stays, and so does another draft.
    if (saved && this.draft === draft && draft.text === html) this.leaveDraft()
    else this.render()
  }

  discard() {
    this.leaveDraft()
  }

  leaveDraft() {
    this.draft?.forget()
    this.draft = null
    this.code.hidden = false
    this.trouble("")
    this.shown = this.props.page
    this.render()
    ;(this.editButton.getClientRects().length ? this.editButton : this.tabs[this.tab]).focus()
  }

  // The keyboard

  differBefore() {
    const at = this.versions.findIndex((version) => version.page === this.shown)
    if (at > 0) this.differ(this.versions[at - 1].page, this.shown)
  }

  // Escape, when nothing lies over the pane. True if there was something to leave.
  escape() {
    if (this.picker.choosing) {
      this.picker.end()
      return true
    }
    if (this.root.classList.contains("pv-full")) return !this.root.classList.toggle("pv-full")
    const active = document.activeElement
    if (active !== document.body && !this.root.contains(active)) return false
    if (this.draft && active === this.draft.editor.area) {
      ;(this.saveButton.disabled ? this.discardButton : this.saveButton).focus()
      return true
    }
    return this.closeDifference()
  }

  close() {
    this.host.names.removeEventListener("change", this.learn)
    this.stopReading()
    this.draft?.close()
    this.stage.close()
    this.layers.destroy()
    this.root.replaceChildren()
  }
}
