#!/usr/bin/env python3
"""Times Hugging Face `tokenizers` on whole files and prints one JSON line. See README.md."""

import argparse
import json
import os
import sys
import time
from pathlib import Path
from typing import NoReturn


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tokenizer", required=True, help="tokenizer.json")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--fast", action="store_true", help="encode_batch_fast, which leaves the offsets out")
    parser.add_argument("files", nargs="+", help="UTF-8 text; each file is one document")
    args = parser.parse_args()
    if args.threads < 1 or args.repeats < 1:
        parser.error("--threads and --repeats must be at least 1")
    return args


def fail(message: str) -> NoReturn:
    """Bad input ends the program with status 2."""
    print(message, file=sys.stderr)
    sys.exit(2)


def read(path: str) -> str:
    try:
        # newline="" keeps \r\n as it stands: another tokeniser sees the same bytes.
        with open(path, encoding="utf-8", newline="") as file:
            return file.read()
    except OSError as error:
        fail(str(error))
    except UnicodeDecodeError as error:
        fail(f"{path}: not UTF-8: {error}")


def load_tokenizer(path: str):
    import tokenizers  # not above: see main

    try:
        return tokenizers.Tokenizer.from_file(path), tokenizers.__version__
    except Exception as error:  # the library raises nothing narrower
        fail(f"{path}: no tokenizer.json that can be read: {error}")


def main():
    args = arguments()
    # Read once, when the thread pool starts; so before the first call into the library.
    os.environ["RAYON_NUM_THREADS"] = str(args.threads)
    os.environ["TOKENIZERS_PARALLELISM"] = "true" if args.threads > 1 else "false"
    tokenizer, version = load_tokenizer(args.tokenizer)
    encode = tokenizer.encode_batch_fast if args.fast else tokenizer.encode_batch
    documents = [read(path) for path in args.files]
    total_bytes = sum(Path(path).stat().st_size for path in args.files)
    seconds = []
    for _ in range(args.repeats):
        encodings = None  # the last result is freed outside the clock
        start = time.perf_counter()
        encodings = encode(documents, add_special_tokens=False)
        seconds.append(time.perf_counter() - start)
    result = {
        "framework": "tokenizers",
        "version": version,
        "method": "encode_batch_fast" if args.fast else "encode_batch",
        "threads": args.threads,
        "files": len(documents),
        "bytes": total_bytes,
        "seconds": seconds,
        "mb_per_s": [total_bytes / 1e6 / s for s in seconds],
        "tokens": sum(len(encoding.ids) for encoding in encodings),
    }
    print(json.dumps(result), flush=True)


if __name__ == "__main__":
    main()
