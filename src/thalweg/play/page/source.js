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
    if (!reply.ok) {
      const { error } = await reply.json();
      throw new Error(error);
    }
    if (name !== "frame") return reply.json();
    const bytes = await reply.arrayBuffer();
    const length = new Uint32Array(bytes, 0, 1)[0];
    const words = JSON.parse(new TextDecoder().decode(new Uint8Array(bytes, 4, length)));
    const values = bytes.byteLength > 4 + length ? new Float32Array(bytes, 4 + length) : null;
    return { ...words, values };
  }
}
