/** Imported before everything else: an older Node gets a clear error instead of a strange one. */
const OLDEST_NODE = 20;

if (Number.parseInt(process.versions.node, 10) < OLDEST_NODE) {
  throw new Error(`smalltalk-native needs Node ${OLDEST_NODE} or newer; this is Node ${process.versions.node}`);
}
