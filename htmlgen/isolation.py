"""What a generated page may do: the headers that every response with a page's text in it carries.

A page is hostile by assumption. Its document has an opaque origin (`sandbox`), so that it shares no cookies, storage or
DOM with the app, and no way out: no request, no navigation, no form, no frame, no WebRTC. tests/browser/test_isolation.py
tries them all in a real browser.

What no header of the page can do is up to the app that shows it, see `htmlgen/origin.py`.
"""

FEATURES = """
    accelerometer aria-notify autoplay bluetooth browsing-topics camera captured-surface-control
    ch-device-memory ch-downlink ch-dpr ch-ect ch-prefers-color-scheme ch-prefers-reduced-motion
    ch-prefers-reduced-transparency ch-rtt ch-save-data ch-ua ch-ua-arch ch-ua-bitness ch-ua-form-factors
    ch-ua-full-version ch-ua-full-version-list ch-ua-high-entropy-values ch-ua-mobile ch-ua-model ch-ua-platform
    ch-ua-platform-version ch-ua-wow64 ch-viewport-height ch-viewport-width ch-width clipboard-read
    clipboard-write compute-pressure cross-origin-isolated deferred-fetch deferred-fetch-minimal
    digital-credentials-create digital-credentials-get display-capture encrypted-media fullscreen gamepad
    geolocation gyroscope hid identity-credentials-get idle-detection interest-cohort keyboard-map
    language-detector language-model local-fonts local-network local-network-access loopback-network
    magnetometer media-playback-while-not-visible microphone midi on-device-speech-recognition otp-credentials
    payment picture-in-picture private-state-token-issuance private-state-token-redemption
    publickey-credentials-create publickey-credentials-get screen-wake-lock serial speaker-selection
    storage-access summarizer sync-xhr translator unload usb web-share window-management xr-spatial-tracking
"""
"""Every feature that Chromium 156 knows, and a few that it has on other systems only; a browser skips unknown ones."""


def page_headers(*, remote: bool = False, printing: bool = False) -> dict[str, str]:
    """The headers of a page. `remote` also admits images, styles, fonts, media and scripts over https, on the reader's wish.
    `printing` also admits dialogs, of which the printer's is one: for a tab of its own, which they can hold up alone.

    A script that may load an image can tell its server anything, so a remote page keeps no secrets; it still cannot
    reach the app, nor read what it loads.
    """
    https = " https:" if remote else ""
    # Libraries that are loaded from elsewhere often compile templates: 'unsafe-eval'. Inline scripts can do as much without.
    scripts = "'unsafe-inline' 'unsafe-eval' https:" if remote else "'unsafe-inline'"
    policy = [
        "default-src 'none'",
        f"script-src {scripts}",
        f"style-src 'unsafe-inline'{https}",
        f"img-src data: blob:{https}",
        f"font-src data:{https}",
        f"media-src data: blob:{https}",
        "connect-src 'none'",
        "form-action 'none'",
        "base-uri 'none'",
        "object-src 'none'",
        "frame-src 'none'",
        "frame-ancestors 'self'",
        # Without allow-forms a browser does not even fire `submit`, and no form that a script handles would work;
        # that nothing is sent is what form-action sees to.
        "sandbox allow-scripts allow-forms" + (" allow-modals" if printing else ""),
    ]
    return {
        "Content-Security-Policy": "; ".join(policy),
        # The only one that stops WebRTC, and navigations of a page in a tab of its own.
        # https://wicg.github.io/connection-allowlists/
        "Connection-Allowlist": '("https://*:*/*")' if remote else "()",
        "Permissions-Policy": ", ".join(f"{feature}=()" for feature in FEATURES.split()),
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
        "Cross-Origin-Resource-Policy": "same-origin",
        "X-DNS-Prefetch-Control": "off",
        "Cache-Control": "no-store",
        # A compressor in the app would gather the stream into blocks.
        "Content-Encoding": "identity",
    }
