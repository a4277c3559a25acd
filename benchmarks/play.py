"""How quick the playground is to touch: first picture, pictures while training, answers to a drag.

python benchmarks/play.py [--seconds 6]

Needs playwright and a Chromium; without them it says so. The server is ``thalweg play``, a process
of its own; the page is its own, at 1,200 x 1,100. For each method: seconds from opening the address
to the first picture; pictures drawn a second while it trains; milliseconds from a drag to its
answer, drawn (median and ninetieth hundredth), while training and at rest; steps of training a
second while nobody drags.
"""

import argparse
import platform
import shutil
import subprocess
import sys
import time

import numpy as np

BARS = "bars: 1 s, 15 pictures a second, 60 ms"
METHODS = (
    "noise_contrastive", "contrastive_divergence", "score_matching", "denoising", "boltzmann",
    "variational", "conditional", "mixture", "kmeans", "sparse",
)  # fmt: skip
READY = "Boolean(window.thalweg && thalweg.all.length && thalweg.all.every(side => side.last))"


def until(page, what):
    while not page.evaluate(what):
        time.sleep(0.005)


def drags(page, seconds):
    """Milliseconds of each answer while the point is moved to and fro."""
    box = page.locator(".plane").bounding_box()
    page.evaluate("thalweg.sides.left.drags.length = 0")
    page.mouse.move(box["x"] + 0.3 * box["width"], box["y"] + 0.4 * box["height"])
    page.mouse.down()
    begun, k = time.perf_counter(), 0
    while time.perf_counter() - begun < seconds:
        k += 1
        share = 0.5 + 0.25 * np.sin(0.15 * k)
        page.mouse.move(box["x"] + share * box["width"], box["y"] + 0.4 * box["height"])
        time.sleep(0.02)
    page.mouse.up()
    return page.evaluate("thalweg.sides.left.drags")


def measured(browser, address, method, seconds):
    page = browser.new_page(viewport={"width": 1200, "height": 1100})
    steps = "" if method in ("mixture", "kmeans", "sparse") else "&left.n_steps=10000"
    begun = time.perf_counter()
    page.goto(f"{address}#left={method}{steps}")
    until(page, READY)
    first = time.perf_counter() - begun
    rest = drags(page, seconds / 3)
    page.click(".train")
    until(page, "thalweg.sides.left.last.step > 5 || thalweg.sides.left.last.done")
    before, begun = page.evaluate("thalweg.sides.left.last.step"), time.perf_counter()
    page.evaluate("thalweg.sides.left.pictures.length = 0")
    time.sleep(seconds / 3)
    after = page.evaluate("thalweg.sides.left.last.step")
    speed = (after - before) / (time.perf_counter() - begun)
    newest = page.evaluate("thalweg.sides.left.pictures")
    rate = (len(newest) - 1) / (newest[-1] - newest[0]) * 1000 if len(newest) > 2 else float("nan")
    busy = drags(page, seconds / 3)
    page.close()
    return first, rate, rest, busy, speed


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=6.0)
    options = parser.parse_args()
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        sync_playwright = None
    if chromium is None or sync_playwright is None:
        sys.stderr.write("skipped: playwright and a Chromium are needed\n")
        return
    sys.stdout.write(f"{platform.machine()}, {platform.python_version()}; {BARS}\n\n")
    sys.stdout.write(
        "| method | first picture, s | pictures a second | drag at rest, ms (90%) | "
        "drag while training, ms (90%) | steps a second |\n|---|---|---|---|---|---|\n"
    )
    command = [sys.executable, "-m", "thalweg.cli", "play", "--no-browser"]
    with (
        subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server,
        sync_playwright() as driver,
    ):
        address = server.stdout.readline().strip()
        browser = driver.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        for method in METHODS:
            first, rate, rest, busy, speed = measured(browser, address, method, options.seconds)
            times = [
                f"{np.median(each):.0f} ({np.quantile(each, 0.9):.0f})" for each in (rest, busy)
            ]
            sys.stdout.write(f"| {method} | {first:.2f} | {rate:.0f} | {times[0]} | {times[1]} | "
                             f"{speed:.0f} |\n")  # fmt: skip
            sys.stdout.flush()
        browser.close()
        server.terminate()


if __name__ == "__main__":
    main()
