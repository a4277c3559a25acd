"""The scripts of the lecture go into the package, where ``thalweg lecture`` finds them."""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py


class WithLecture(build_py):
    """Copies examples/lecture beside the modules; a checkout has it where it is."""

    def run(self):
        super().run()
        if not self.editable_mode:
            target = Path(self.build_lib) / "thalweg" / "lecture"
            shutil.rmtree(target, ignore_errors=True)
            target.mkdir(parents=True)
            for script in sorted(Path("examples/lecture").glob("*.py")):
                shutil.copy(script, target)


setup(cmdclass={"build_py": WithLecture})
