/** A debugger, as far as pausing takes one: the inspector's protocol over a web socket. */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import http from 'node:http';

/** Attaches to a process that listens at this address. */
export async function attach(address) {
  const { hostname, port, pathname } = new URL(address);
  const key = randomBytes(16).toString('base64');
  const headers = {
    Connection: 'Upgrade',
    Upgrade: 'websocket',
    'Sec-WebSocket-Key': key,
    'Sec-WebSocket-Version': '13',
  };
  const request = http.request({ hostname, port, path: pathname, headers });
  request.end();
  const [, socket] = await once(request, 'upgrade');
  const heard = [];
  let wake = () => undefined;
  let rest = Buffer.alloc(0);
  socket.on('data', (data) => {
    rest = Buffer.concat([rest, data]);
    for (let frame = nextFrame(rest); frame !== null; frame = nextFrame(rest)) {
      rest = rest.subarray(frame.end);
      heard.push(JSON.parse(frame.text));
    }
    wake();
  });
  let id = 0;
  const until = async (fits) => {
    while (!heard.some(fits)) await new Promise((resolve) => (wake = resolve));
  };
  const call = async (method) => {
    const mine = ++id;
    socket.write(frameOf(JSON.stringify({ id: mine, method })));
    await until((message) => message.id === mine);
  };
  await call('Debugger.enable');
  return {
    async pause() {
      await call('Debugger.pause');
      await until(({ method }) => method === 'Debugger.paused');
    },
    resume: () => call('Debugger.resume'),
    close: () => socket.destroy(),
  };
}

/** What a client sends is masked. */
function frameOf(text) {
  const payload = Buffer.from(text);
  if (payload.length > 125) throw new Error('too long for a short frame');
  const mask = randomBytes(4);
  return Buffer.concat([
    Buffer.from([0x81, 0x80 | payload.length]),
    mask,
    payload.map((byte, at) => byte ^ mask[at % 4]),
  ]);
}

function nextFrame(data) {
  if (data.length < 2) return null;
  let [at, length] = [2, data[1] & 0x7f];
  if (length === 126) {
    if (data.length < 4) return null;
    [at, length] = [4, data.readUInt16BE(2)];
  } else if (length === 127) {
    if (data.length < 10) return null;
    [at, length] = [10, Number(data.readBigUInt64BE(2))];
  }
  if (data.length < at + length) return null;
  return { text: data.toString('utf8', at, at + length), end: at + length };
}
