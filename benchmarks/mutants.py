"""Mutations of saved models: of bytes, of headers, of tensors, of folders. All follow a seed."""

import json
import os
import random
import shutil
import struct
import zlib
from pathlib import Path

VALUES = (
    None, True, False, -1, 0, 1, 2, 7, 3_000_000, 10**9, 10**18, 10**400, -(10**400), 0.5, -0.0,
    1e308, 5e-324, float("nan"), float("inf"), "", "²", "1", "predict", "__class__", "energy_",
    "/etc/passwd", "x" * 10_000, [], [[]], {}, [1, 2], {"tuple": []}, {"tuple": [1, 2]},
    {"tuple": [10**6] * 3}, {"tuple": [{"tuple": [1]}]}, {"float": "nan"}, {"float": "inf"},
    {"float": "1e999"}, {"float": [1]}, "nested",
)  # fmt: skip
"""What is put where something else stood; "nested" becomes 100,000 brackets"""

NUMBERS = (float("nan"), float("inf"), -float("inf"), 1e300, -1e300, 1e38, 1e-300, 0.0, -1.0, 1e15)

SIZES = {"F64": 8, "F32": 4, "I32": 4, "I64": 8, "BOOL": 1, "U8": 1}


def mutate(source, target, seed):
    """Write a mutant of a saved model (file or folder) to ``target``; what was done, in words."""
    chance = random.Random(seed)
    if Path(source).is_dir():
        shutil.copytree(source, target)
        return _of_a_folder(Path(target), chance)
    content, said = _of_a_file(Path(source).read_bytes(), chance)
    Path(target).write_bytes(content)
    return said


def _of_a_folder(folder, chance):
    path = folder / chance.choice(sorted(os.listdir(folder)))
    kind = chance.choice(
        ("content", "content", "content", "gone", "link", "device", "pipe", "other")
    )
    if kind == "content":
        content = path.read_bytes()
        if path.suffix == ".safetensors":
            content, said = _of_a_file(content, chance)
        elif chance.random() < 0.3:
            content, said = _bytes(content, chance)
        else:
            said, text = _edited(json.loads(content), chance)
            content = text.encode()
        path.write_bytes(content)
        return f"{path.name}: {said}"
    path.unlink()
    if kind == "link":
        to = chance.choice(("/etc/passwd", path.name, "..", "/dev/zero", "config.json", "nowhere"))
        path.symlink_to(to)
        return f"{path.name}: link to {to}"
    if kind == "device":
        path.symlink_to("/dev/zero")
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "other":
        path.mkdir()
    return f"{path.name}: {kind}"


def _of_a_file(content, chance):
    way = chance.choice((_bytes, _header, _header, _header, _names, _numbers, _lengths))
    changed, said = way(content, chance)
    return _summed(changed, chance), said


def _summed(changed, chance):
    """A mutant of a checkpoint, mostly with a sum that is right, so that more is looked at."""
    try:
        header, data = parts(changed)
        metadata = header["__metadata__"]
        if "sum" not in metadata or chance.random() < 0.2:
            return changed
        found = zlib.crc32(metadata["state"].encode())
        for name in sorted(set(header) - {"__metadata__"}):
            first, last = header[name]["data_offsets"]
            found = zlib.crc32(data[first:last], found)
        metadata["sum"] = f"{found:08x}"
        return whole(header, data)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, struct.error):
        # it is no file of the kind any more
        return changed


def _bytes(content, chance):
    """Bits turned, a cut, something after the end."""
    changed = bytearray(content)
    kind = chance.choice(("flip", "flip", "cut", "more", "same"))
    if kind == "flip":
        for _ in range(chance.randint(1, 8)):
            changed[chance.randrange(len(changed))] ^= 1 << chance.randrange(8)
    elif kind == "cut":
        del changed[chance.randrange(len(changed)) :]
    elif kind == "more":
        changed += chance.randbytes(chance.randint(1, 100))
    else:
        at, length = chance.randrange(len(changed)), chance.randint(1, 32)
        changed[at : at + length] = chance.choice((b"\0", b"\xff")) * length
    return bytes(changed), kind


def parts(content):
    """Header and data of a safetensors file."""
    (length,) = struct.unpack("<Q", content[:8])
    return json.loads(content[8 : 8 + length]), content[8 + length :]


def whole(header, data):
    """A safetensors file of a header, which may be text already."""
    text = (header if isinstance(header, str) else json.dumps(header)).encode()
    return struct.pack("<Q", len(text)) + text + data


def _header(content, chance):
    """What the model says of itself."""
    header, data = parts(content)
    metadata = header["__metadata__"]
    name = chance.choice([*metadata, *(each for each in metadata if metadata[each][:1] == "{")])
    if metadata[name][:1] != "{":
        metadata[name] = str(chance.choice(VALUES))[:1000]
        return whole(header, data), f"version {metadata[name]!r:.40}"
    said, metadata[name] = _edited(json.loads(metadata[name]), chance)
    return whole(header, data), said


def _edited(content, chance):
    """JSON with something put in place of a part, taken out, added, or said twice."""
    places = list(_places(content))
    holder, key, path = chance.choice(places)
    kind = chance.choice(("put", "put", "put", "gone", "twice", "added", "other name"))
    text = None
    if kind == "put" or (kind != "gone" and isinstance(holder, list)):
        value = chance.choice(VALUES)
        if isinstance(holder[key], int) and chance.random() < 0.3:
            value = holder[key] + chance.choice((-1, 1, 100, 10**6))
        holder[key] = value
        kind = f"put {value!r:.40}"
        if value == "nested":
            text = json.dumps(content).replace('"nested"', "[" * 100_000 + "]" * 100_000, 1)
    elif kind == "gone":
        del holder[key]
    elif kind == "added":
        name = chance.choice(
            ("more", "predict", "__class__", "_read", "energy_", "verbose", "n_iter_")
        )
        holder[name] = chance.choice(VALUES[:10])
        kind = f"added {name}"
    elif kind == "other name":
        holder[chance.choice(("", "²", key + "_", key.upper()))] = holder.pop(key)
    else:
        mark = "twice-as-said"
        holder[mark] = chance.choice(VALUES[:10])
        text = json.dumps(content).replace(json.dumps(mark), json.dumps(key), 1)
    return f"{path}: {kind}", json.dumps(content) if text is None else text


def _places(content, path=""):
    items = content.items() if isinstance(content, dict) else enumerate(content)
    for key, value in list(items):
        yield content, key, f"{path}/{key}"[-60:]
        if isinstance(value, (dict, list)):
            yield from _places(value, f"{path}/{key}")


def _tensor(header, chance):
    return chance.choice([name for name in header if name != "__metadata__"])


def _names(content, chance):
    """Names, types, shapes and places of tensors."""
    header, data = parts(content)
    name = _tensor(header, chance)
    entry = header[name]
    kind = chance.choice(("name", "gone", "type", "shape", "swap", "offset", "flat", "bits"))
    if kind == "name":
        header[chance.choice((name + "x", "energy." + name, "fitted.predict", "x", ""))] = entry
        del header[name]
    elif kind == "gone":
        del header[name]
    elif kind == "type":
        entry["dtype"] = chance.choice(
            ("F64", "F32", "F16", "BF16", "I64", "BOOL", "U8", "F8_E4M3", "Q")
        )
    elif kind == "bits":
        # as many bytes, of another type
        other = {"F64": "I64", "F32": "I32", "I32": "F32", "I64": "F64", "BOOL": "U8"}
        entry["dtype"] = other.get(entry["dtype"], "F32")
    elif kind == "shape":
        entry["shape"] = chance.choice(([], [0], [-1], [10**12], [2**63, 2], [1] * 70, [1.5], "x",
                                        [*entry["shape"], 1], [1, *entry["shape"]]))  # fmt: skip
    elif kind == "swap":
        other = header[_tensor(header, chance)]
        entry["shape"], other["shape"] = other["shape"], entry["shape"]
    elif kind == "flat":
        entry["shape"] = entry["shape"][::-1] if len(entry["shape"]) > 1 else [1, *entry["shape"]]
    else:
        entry["data_offsets"] = chance.choice(([0, 0], [0, 10**12], [-1, 8], [8, 0], "x",
                                               [entry["data_offsets"][0], 2**64 - 1]))  # fmt: skip
    return whole(header, data), f"{name}: {kind} {entry if kind != 'name' else ''}"[:100]


def _lengths(content, chance):
    """A tensor of another length, the file fitting together again; or a header's length."""
    header, data = parts(content)
    if chance.random() < 0.3:
        length = chance.choice((0, 1, 2**63, 2**64 - 1, 10**9, len(content)))
        return struct.pack("<Q", length) + content[8:], f"header of {length} bytes"
    name = _tensor(header, chance)
    first, last = header[name]["data_offsets"]
    shape = header[name]["shape"]
    if not shape:
        return whole(header, data[:-1]), "a byte less"
    axis = chance.randrange(len(shape))
    new = chance.choice((0, 1, shape[axis] + 1, 2 * shape[axis]))
    size = (last - first) // max(1, shape[axis])
    shape[axis] = new
    more = new * size - (last - first)
    block = (data[first:last] * 3)[: new * size] if last > first else b"\0" * (new * size)
    header[name]["data_offsets"] = [first, first + new * size]
    for other, entry in header.items():
        if other not in ("__metadata__", name) and entry["data_offsets"][0] >= last:
            entry["data_offsets"] = [each + more for each in entry["data_offsets"]]
    return whole(header, data[:first] + block + data[last:]), f"{name}: now {shape}"


def _numbers(content, chance):
    """Values of a tensor."""
    header, data = parts(content)
    name = _tensor(header, chance)
    entry = header[name]
    size, (first, last) = SIZES[entry["dtype"]], entry["data_offsets"]
    if last == first:
        return whole(header, data[:-1]), "a byte less"
    value = chance.choice(NUMBERS)
    if entry["dtype"] not in ("F64", "F32"):
        piece = chance.randbytes(size)
    else:
        limit = 3e38 if size == 4 else 1e300
        value = max(-limit, min(limit, value)) if abs(value) != float("inf") else value
        piece = struct.pack("<d" if size == 8 else "<f", value)
    changed = bytearray(data)
    count = (last - first) // size
    for i in range(count) if chance.random() < 0.3 else [chance.randrange(count)]:
        changed[first + i * size : first + (i + 1) * size] = piece
    return whole(header, bytes(changed)), f"{name}: values {value}"
