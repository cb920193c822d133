// The text of pages as it is written: one stream from /pages/<id>/source for everybody in this tab who shows it.
//
//   const stop = follow(page, part, url, { text(piece) {…}, end(how) {…} })
//
// A follower gets all there is at once, then what is new, then how it ended: "ended", "gone" (no such page) or "failed" (the
// server cannot be reached). A later `part` is a continuation: the stream is taken up again where it ended. A browser opens
// six connections to a server, in all tabs together, so two for each page that is being written would soon be too many.

const sources = new Map()

class Source {
  constructor(url) {
    this.url = url
    this.chunks = []
    this.bytes = 0
    this.part = 0
    this.how = ""
    this.followers = new Set()
    this.decoder = new TextDecoder()
    this.stop = new AbortController()
  }

  get text() {
    if (this.chunks.length > 1) this.chunks = [this.chunks.join("")]
    return this.chunks[0] ?? ""
  }

  async run() {
    this.how = ""
    const how = await this.read()
    if (this.stop.signal.aborted) return
    this.how = how
    for (const follower of [...this.followers]) follower.end(how)
  }

  // Reads on from the byte that was read last; a connection that breaks is taken up again.
  async read() {
    const { signal } = this.stop
    for (let tries = 0; tries < 5; tries += 1) {
      try {
        const response = await fetch(`${this.url}?start=${this.bytes}`, { signal, cache: "no-store" })
        if (!response.ok) return response.status === 404 ? "gone" : "failed"
        const reader = response.body.getReader()
        for (;;) {
          const { done, value } = await reader.read()
          if (done) return "ended"
          tries = 0
          this.bytes += value.length
          const piece = this.decoder.decode(value, { stream: true })
          this.chunks.push(piece)
          for (const follower of [...this.followers]) follower.text(piece)
        }
      } catch {
        if (signal.aborted) return "aborted"
        await new Promise((resolve) => setTimeout(resolve, 500 * (tries + 1)))
      }
    }
    return "failed"
  }
}

export function follow(page, part, url, follower) {
  let source = sources.get(page)
  if (!source) sources.set(page, (source = new Source(url)))
  const began = source.part > 0
  const goesOn = part > source.part || (source.how && source.how !== "ended")
  source.followers.add(follower)
  if (source.text) follower.text(source.text)
  if (!began || (goesOn && source.how)) {
    source.part = part
    source.run()
  } else {
    source.part = Math.max(part, source.part)
    if (source.how) queueMicrotask(() => source.followers.has(follower) && follower.end(source.how))
  }
  return () => {
    source.followers.delete(follower)
    if (source.followers.size || sources.get(page) !== source) return
    sources.delete(page)
    source.stop.abort()
  }
}

// The text of a page that nobody may be following: what there is by now, in one request. Throws what to tell the reader.
export async function whole(url) {
  const response = await fetch(url, { cache: "no-store" }).catch(() => null)
  if (response === null) throw new Error("The server cannot be reached. Is it still running?")
  if (response.status === 404) throw new Error("This version is no longer kept.")
  if (!response.ok) throw new Error(`The server answered ${response.status}. Please try again.`)
  return response.text()
}
