import { resolve } from "node:path";

/** Where the build goes: inside the server's package, so that the wheel carries it. `HP_WEB_OUT` overrides. */
export const OUT_DIR = resolve(process.env["HP_WEB_OUT"] ?? "../server/healthprotocol/web");
