// Whoever answers: the server that this page came from.

const WINDOW = crypto.randomUUID();

export class Live {
  constructor() {
    this.recorded = false;
    addEventListener("pagehide", () => {
      navigator.sendBeacon("ask/bye", JSON.stringify({ window: WINDOW }));
    });
  }

  async ask(name, asked = {}) {
    const reply = await fetch(`ask/${name}`, {
      method: "POST",
      body: JSON.stringify({ ...asked, window: WINDOW }),
    });
    if (!reply.ok || reply.headers.get("Content-Type") === "application/json") {
      const said = await reply.json();
      if (said.error) throw new Error(said.error);
      return said;
    }
    const bytes = await reply.arrayBuffer();
    const length = new Uint32Array(bytes, 0, 1)[0];
    const words = JSON.parse(new TextDecoder().decode(new Uint8Array(bytes, 4, length)));
    const values = bytes.byteLength > 4 + length ? new Float32Array(bytes, 4 + length) : null;
    return { ...words, values };
  }
}
