// Prints the live telemetry of a site, one line of JSON for each value, by the published schema
// alone: node decoder.mjs FOLDER mqtt://HOST:PORT SITE
//
// FOLDER has schema.json and asyncapi.json. Every name, topic, type and size is taken from there;
// written here is only what the words of the schema mean (docs/reference/wire.md).
import { readFileSync } from "node:fs";
import { decode, encode } from "@msgpack/msgpack";
import mqtt from "mqtt";

const [folder, broker, site] = process.argv.slice(2);
const schema = JSON.parse(readFileSync(`${folder}/schema.json`, "utf8"));
const asyncapi = JSON.parse(readFileSync(`${folder}/asyncapi.json`, "utf8"));
const WAITING_MAX = 100; // Uploads of a node whose table is not known yet.
const NOTHING = new Uint8Array(0);
const named = (name) => schema.$defs[name];
const definition = (ref) => named(ref.split("/").at(-1));
const isNested = (part) => part.contentMediaType === "application/vnd.msgpack";
const say = (word) => process.stderr.write(`${word}\n`);

const places = definition(schema.$ref).prefixItems;
const body = places.find((place) => isNested(place) && definition(place.contentSchema.$ref).discriminator);

// What holds telemetry, and what tells its channels.
const columns = Object.values(schema.$defs).find((shape) => shape["x-columns"])["x-columns"];
const births = named(columns.channels.message);
const channelShape = definition(births.properties[columns.channels.list].items.$ref);
const dtypeDefault = channelShape.properties[columns.channels.dtype].default;
const tags = definition(body.contentSchema.$ref).discriminator.mapping;
const tagOf = (shape) => Object.keys(tags).find((tag) => definition(tags[tag]) === shape);

// Gives the value that nested bytes hold, and the definition that describes it.
function open(bytes, ref) {
  const value = decode(bytes, { useBigInt64: true });
  const union = definition(ref).discriminator;
  return { value, shape: union ? definition(union.mapping[value[union.propertyName]]) : definition(ref) };
}

// Gives what a frame says; null when it is damaged or of another version.
function openFrame(payload) {
  const values = decode(payload, { useBigInt64: true });
  const raw = Object.fromEntries(places.map((place, at) => [place.title, values[at]]));
  for (const place of places) {
    const covered = place["x-crc32-of"]?.map((name) => raw[name]);
    if (covered && crc32(Buffer.concat(covered)) !== Number(raw[place.title])) return null;
    if ("const" in place && place.const !== Number(raw[place.title])) return null;
  }
  return open(raw[body.title], body.contentSchema.$ref);
}

// Gives an unsigned frame around the least value of a message's class.
function frameOf(message) {
  const raw = {};
  for (const place of places) {
    const covered = place["x-crc32-of"]?.map((name) => raw[name]);
    if (covered) raw[place.title] = crc32(Buffer.concat(covered));
    else if (isNested(place)) raw[place.title] = encode(least(place === body ? message : place.contentSchema));
    else raw[place.title] = "const" in place ? place.const : NOTHING;
  }
  return Buffer.from(encode(Object.values(raw)));
}

// Gives the least value that a schema allows.
function least(part) {
  if (part.$ref) return least(definition(part.$ref));
  if ("const" in part) return part.const;
  if (part.type !== "object") return part.type === "string" ? "decoder" : Math.max(0, part.minimum);
  return Object.fromEntries(part.required.map((name) => [name, least(part.properties[name])]));
}

const shift = (crc) => (crc >>> 1) ^ (0xedb88320 & -(crc & 1));
const crc32 = (bytes) => ~bytes.reduce((crc, byte) => [..."12345678"].reduce(shift, crc ^ byte), ~0) >>> 0;

// Gives the numbers that bytes hold one after another.
function numbers(bytes, dtype) {
  const { kind, bytes: size } = schema["x-dtypes"].types[dtype];
  const word = { float: "Float", int: "Int", uint: "Uint" }[kind];
  const isLittle = schema["x-dtypes"].byteOrder === "little";
  const read = `get${size === 8 && kind !== "float" ? "Big" : ""}${word}${8 * size}`;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Array.from({ length: bytes.byteLength / size }, (_, at) => view[read](at * size, isLittle));
}

// Gives each value of a batch as [channel, time, value]; the value is null from where there is none.
function* samples(batch, shape, channels) {
  const bytes = (role) => batch[columns[role]] ?? NOTHING;
  const column = (role) => numbers(bytes(role), shape.properties[columns[role]]["x-column"].dtype);
  const times = column("times").map((offset) => BigInt(batch[columns.start]) + BigInt(offset));
  const [counts, rows] = [column("counts"), column("rows")];
  let [rowAt, byteAt] = [0, 0];
  for (const [index, channel] of channels.entries()) {
    const count = counts[index] ?? 0;
    const isFull = count === times.length;
    const dtype = channel[columns.channels.dtype] ?? dtypeDefault;
    const end = byteAt + count * schema["x-dtypes"].types[dtype].bytes;
    for (const [at, value] of numbers(bytes("values").subarray(byteAt, end), dtype).entries()) {
      yield [channel, times[isFull ? at : rows[rowAt + at]], value];
    }
    byteAt = end;
    rowAt += isFull ? 0 : count;
  }
  const { tuples } = shape.properties[columns.blanks]["x-column"];
  const blanks = column("blanks");
  for (let at = 0; at < blanks.length; at += tuples.length) {
    yield [channels[blanks[at + tuples.indexOf("channel")]], times[blanks[at + tuples.indexOf("row")]], null];
  }
}

// Gives the topics of a message, with what stands for each parameter.
function topics(tag, parameters) {
  const channels = Object.values(asyncapi.channels).filter((channel) => tag in channel.messages);
  return channels.map(({ address }) => address.replace(/\{(\w+)\}/g, (_, name) => parameters[name] ?? "+"));
}

const uploads = Object.values(tags).map(definition).filter((shape) => Object.values(shape.properties).some(isNested));
const wanted = [births, ...uploads].flatMap((shape) => topics(tagOf(shape), { site }));
const patterns = Object.values(asyncapi.channels).map(({ address }) =>
  new RegExp(`^${address.replace(/\{(\w+)\}/g, "(?<$1>[^/]+)")}$`));
const tables = new Map();
const waiting = new Map();
const client = mqtt.connect(broker, { protocolVersion: 5 });

client.on("connect", () => client.subscribe([...new Set(wanted)], { qos: 1 }, () => say("ready")));
client.on("message", (topic, payload) => {
  const opened = openFrame(payload);
  const node = patterns.map((pattern) => pattern.exec(topic)?.groups?.node).find(Boolean);
  if (!opened || !node) return say(`not read: ${topic}`);
  if (opened.shape === births) {
    tables.set(`${node} ${opened.value[columns.channels.number]}`, opened.value[columns.channels.list]);
    const late = waiting.get(node) ?? [];
    waiting.delete(node);
    return late.forEach((record) => take(node, record));
  }
  for (const [name, field] of Object.entries(opened.shape.properties)) {
    const bytes = opened.value[name];
    if (isNested(field) && bytes.length) take(node, open(bytes, field.contentSchema.$ref));
  }
});

function take(node, { value, shape }) {
  if (!shape["x-columns"]) return;
  const channels = tables.get(`${node} ${value[columns.channels.number]}`);
  if (!channels) {
    const ask = named(columns.channels.askedBy);
    const asked = waiting.has(node) ? [] : topics(tagOf(ask), { site, node });
    asked.forEach((topic) => client.publish(topic, frameOf(ask), { qos: 1 }));
    return waiting.set(node, [...(waiting.get(node) ?? []), { value, shape }].slice(-WAITING_MAX));
  }
  for (const [channel, time, number] of samples(value, shape, channels)) {
    const { name, unit } = columns.channels;
    const line = { node, channel: channel[name], unit: channel[unit], time, value: number };
    console.log(JSON.stringify(line, (_, each) => (typeof each === "bigint" ? `${each}` : each)));
  }
}
