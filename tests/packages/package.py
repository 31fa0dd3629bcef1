"""A Debian package: what it says and holds, and a next version of it."""
import re
import shutil
import subprocess


def deb(*words):
    return subprocess.run([str(word) for word in words], capture_output=True, text=True, timeout=60, check=True).stdout


class Package:
    def __init__(self, path):
        self.path = path
        self.name, self.version = deb("dpkg-deb", "--show", "--showformat=${Package} ${Version}", path).split()

    def field(self, name):
        return deb("dpkg-deb", "--field", self.path, name).strip()

    def files(self):
        return [line.split()[5].lstrip(".") for line in deb("dpkg-deb", "--contents", self.path).splitlines()]

    def unpack(self, directory):
        deb("dpkg-deb", "--extract", self.path, directory)

    def next_version(self, directory):
        """The same with a higher version, and one more line in each configuration file."""
        tree, path = directory / "tree", directory / f"{self.name}.deb"
        deb("dpkg-deb", "--raw-extract", self.path, tree)
        control = tree / "DEBIAN/control"
        control.write_text(re.sub("^Version: .*", rf"\g<0>+next", control.read_text(), flags=re.MULTILINE))
        for name in (tree / "DEBIAN/conffiles").read_text().split():
            with open(tree / name.lstrip("/"), "a", encoding="utf-8") as file:
                file.write("# The next version says something new.\n")
        deb("dpkg-deb", "--root-owner-group", "-Znone", "--build", tree, path)
        shutil.rmtree(tree)
        return Package(path)
