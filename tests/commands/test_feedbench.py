"""feedbench as its user sees it: what it writes, what it refuses."""

import csv
import os
import pathlib
import subprocess
import tempfile
import unittest

FEEDBENCH = os.environ["FEEDBENCH"]

# Two shares by ann, two by bob, three by cy; one of ann's has no url, one of cy's a url that is none.
SHARES = '''created_at,id,title,url,author,points,comments
2015-09-06T06:03Z,1,First,http://a.example/1,ann,1,2
2015-09-06T06:04Z,2,"Second, with a comma",http://a.example/2,bob,1,2
2015-09-06T06:05Z,3,No url,,ann,1,2
2015-09-06T06:06Z,4,Fourth,http://a.example/4,cy,1,2
2015-09-06T06:07Z,5,Bad url,http://a.example/\u0085,cy,1,2
2015-09-06T06:08Z,6,Sixth,http://a.example/6,cy,1,2
2015-09-06T06:09Z,7,"Seventh, ""quoted""",http://a.example/7,bob,1,2
2015-09-06T06:10Z,8,Of a stranger,http://a.example/8,zoe,1,2
'''
EDGES = "1 0\n2 0\n"  # cy (3 rows) is person 0, ann 1 and bob 2 (2 rows each, by name)


class Feedbench(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def run_it(self, *arguments):
        return subprocess.run([FEEDBENCH, *map(str, arguments)], capture_output=True, text=True, timeout=30, check=False)

    def lines(self, name):
        return (self.folder / name).read_text(encoding="utf-8").splitlines()

    def records(self, name):
        with open(self.folder / name, encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file))

    def sample_of_data(self, live):
        data = self.folder / "data"
        data.mkdir()
        (data / "hn-shares.csv").write_text(SHARES, encoding="utf-8")
        (data / "reed98.edges").write_text(EDGES, encoding="utf-8")
        result = self.run_it("sample", "--data", data, "--out", self.folder, "--live", live)
        self.assertEqual(result.returncode, 0, result.stderr)
        return dict(line.split("=", 1) for line in result.stdout.splitlines())

    def test_generate_writes_as_many_follows_and_shares_as_asked(self):
        result = self.run_it("generate", "--subjects", 50, "--follows-per-reader=7", "--shares", 90,
                             "--out", self.folder / "new")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual(len(set(self.lines("new/graph.txt"))), 350)
        self.assertEqual(len(self.records("new/shares.csv")), 90)

    def test_wrong_options_are_usage_errors_that_name_what_is_right(self):
        for arguments, hint in [(["generate", "--subjects", "1"], "from 2 to"), (["generate", "--seed", "x"], "number"),
                                (["generate", "--seed"], "number"), (["generate", "--sed", "1"], "--help"),
                                (["generate", "--subjects", "5", "--follows-per-reader", "5"], "--subjects 6"),
                                (["degenerate"], "generate"), ([], "generate")]:
            result = self.run_it(*arguments)
            self.assertEqual((result.returncode, result.stdout), (2, ""), arguments)
            self.assertIn(hint, result.stderr)

    def test_a_directory_that_cannot_be_written_fails_and_says_so(self):
        (self.folder / "file").touch()
        result = self.run_it("generate", "--out", self.folder / "file")
        self.assertEqual(result.returncode, 1)
        self.assertIn("--out", result.stderr)

    def test_help_lists_every_option(self):
        result = self.run_it("generate", "--help")
        self.assertEqual(result.returncode, 0)
        for option in ("--subjects", "--follows-per-reader", "--shares", "--seed", "--out"):
            self.assertIn(option, result.stdout)

    def test_sample_joins_the_authors_by_rank_with_the_people_of_the_graph(self):
        summary = self.sample_of_data(live=0)
        self.assertEqual(sorted(self.lines("graph.txt")), ["ann cy", "bob cy", "cy ann", "cy bob"])
        self.assertEqual((summary["source"], summary["reader"], summary["reader_follows"]), ("real", "cy", "2"))

    def test_sample_keeps_each_share_with_a_url_and_its_id_as_key(self):
        self.sample_of_data(live=0)
        shares = self.records("shares.csv")
        self.assertEqual([share["key"] for share in shares], ["1", "2", "4", "6", "7", "8"])
        self.assertEqual(shares[4]["title"], 'Seventh, "quoted"')
        self.assertEqual(shares[0]["created_at"], "2015-09-06T06:03Z")

    def test_sample_sets_the_last_shares_of_people_of_the_graph_apart(self):
        self.sample_of_data(live=2)
        self.assertEqual([line.split("\t")[:3] for line in self.lines("live.tsv")],
                         [["cy", "http://a.example/6", "Sixth"], ["bob", "http://a.example/7", 'Seventh, "quoted"']])
        self.assertEqual([share["key"] for share in self.records("shares.csv")], ["1", "2", "4", "8"])

    def test_sample_without_data_makes_a_network_up(self):
        result = self.run_it("sample", "--data", self.folder / "nowhere", "--out", self.folder, "--live", 100)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn("source=generated", result.stdout)
        readers = {line.split()[0] for line in self.lines("graph.txt")}
        live = self.lines("live.tsv")
        self.assertEqual(len(live), 100)
        self.assertLessEqual({line.split("\t")[0] for line in live}, readers)


if __name__ == "__main__":
    unittest.main()
