"""Masked language models: what they learn, how they are kept, what they refuse."""

import json
import math
import pydoc_data.topics
import shutil
import warnings
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import tokenizers
import torch
import transformers
from sklearn.base import clone

import thalweg
from thalweg.core import HIDDEN_TOKEN, InputError
from thalweg.data import TokenRows, as_texts
from thalweg.estimators import MaskedLanguageModel
from thalweg.training import Run

TOPICS = [
    " ".join(part.split())
    for topic in pydoc_data.topics.topics.values()
    for part in topic.split("\n\n")
    if part.strip()
]
HELD_OUT, LEARNED = TOPICS[::10], [text for i, text in enumerate(TOPICS) if i % 10]

SMALL = {
    "layers": 1, "width": 32, "epochs": 2, "batch_tokens": 100, "learning_rate": 0.05,
    "random_state": 0,
}  # fmt: skip
CATS = ["the cat sat on the mat", "the dog sat on the rug", "a cat and a dog met"] * 20


@pytest.fixture(scope="module")
def python() -> MaskedLanguageModel:
    """Of the English of Python's own documentation."""
    model = MaskedLanguageModel(
        2000, layers=2, width=96, epochs=2, batch_tokens=1024, learning_rate=0.02, random_state=0
    )
    with pytest.warns(UserWarning, match=r"\d+ of \d+ texts are longer than 126 tokens"):
        return model.fit(LEARNED)


@pytest.fixture(scope="module")
def cats() -> MaskedLanguageModel:
    return MaskedLanguageModel(**{**SMALL, "epochs": 60}).fit(CATS)


def _unigram(model: MaskedLanguageModel, learned: list[str], asked: list[str]) -> float:
    """Loss a token of knowing how often each token comes, and nothing of the others."""
    counts = np.ones(len(model.vocabulary_))
    for tokens in model.vocabulary_.encode(learned):
        np.add.at(counts, tokens, 1)
    likely = np.log(counts / counts.sum())
    return -float(np.mean(np.concatenate([likely[t] for t in model.vocabulary_.encode(asked)])))


@pytest.mark.filterwarnings("ignore:.*were split")
def test_a_tiny_model_of_the_documentation_beats_the_unigram(python):
    found = python.evaluate(HELD_OUT)
    unigram = _unigram(python, LEARNED, HELD_OUT)
    most = Counter(t for e in python.vocabulary_.encode(LEARNED) for t in e.tolist())
    share = most.most_common(1)[0][1] / sum(most.values())
    assert found.loss < unigram - 0.5
    assert found.accuracy > 2 * share
    assert found.perplexity == pytest.approx(math.exp(found.loss))
    # about 15 in 100 of the tokens
    n = sum(map(len, python.vocabulary_.encode(HELD_OUT)))
    assert 0.14 * n < found.n_tokens < 0.16 * n


def test_what_is_not_english_has_more_energy(python):
    """A sentence against the same tokens in another order, of the same length and vocabulary."""
    rng = np.random.default_rng(0)
    good = [text for text in HELD_OUT if 8 <= len(text.split()) <= 30][:40]
    bad = [" ".join(rng.permutation(text.split())) for text in good]
    wins = (python.energy(good) < python.energy(bad)).sum()
    # a coin has more than 29 of 40 once in a thousand
    assert wins > 29


def test_blanks_are_filled_and_the_rest_stays(cats):
    asked = ["the cat sat on the [MASK]", "a  [MASK] and a [MASK] met"]
    assert cats.complete(asked) == ["the cat sat on the mat", "a  cat and a dog met"]
    found, several = cats.completions([asked[0], "a [MASK] and a [MASK] met"], top=3)
    assert next(each.text for each in found) == "the cat sat on the mat"
    assert found[0].pieces == ("mat",)
    assert found[0].probability > 0.5
    assert [-each.probability for each in found] == sorted(-each.probability for each in found)
    for each in found + several:
        assert each.energy == pytest.approx(cats.energy([each.text])[0], rel=1e-4)
    assert [each.energy for each in several] == sorted(each.energy for each in several)


def test_no_random_filling_has_less_energy(cats):
    text = "a [MASK] and a [MASK] met"
    rng = np.random.default_rng(0)
    allowed = cats.vocabulary_.may_stand(text)
    random = [
        cats.vocabulary_.fill_in(text, [rng.choice(np.flatnonzero(row)) for row in allowed])[0]
        for _ in range(100)
    ]
    assert cats.energy(cats.complete([text]))[0] <= cats.energy(random).min()


def test_a_long_text_is_the_sum_of_its_parts_and_that_is_said_once(cats):
    text = " ".join(CATS * 5)
    with pytest.warns(UserWarning, match="2 of 3 texts are longer than 126 tokens") as caught:
        energy = cats.energy([text, "a cat", text])
    assert len(caught) == 1
    rows = TokenRows(as_texts([text]), cats.vocabulary_, 126)
    parts = torch.cat(
        [cats.energy_(torch.from_numpy(rows.take(np.array([i])))) for i in range(len(rows))]
    )
    assert energy[0] == pytest.approx(float(parts.detach().sum()), rel=1e-5)
    assert energy[2] == pytest.approx(energy[0], rel=1e-5)


def test_every_line_has_a_number_and_a_code(cats):
    texts = ["a cat", "", "the dog [MASK] on"]
    energy, codes = cats.energy(texts), cats.transform(texts)
    assert energy.shape == (3,)
    assert energy[1] == 0
    assert (energy[[0, 2]] > 0).all()
    assert codes.shape == (3, 32)
    assert np.isfinite(codes).all()
    assert list(cats.get_feature_names_out())[-1] == "maskedlanguagemodel31"
    np.testing.assert_allclose(cats.energy(texts[::-1]), energy[::-1], rtol=1e-5)
    np.testing.assert_array_equal(cats.score_samples(texts), -cats.energy(texts))


def test_texts_that_are_drawn(cats):
    assert cats.sample(4, random_state=1) == cats.sample(4, random_state=1)
    assert len(set(cats.sample(20, random_state=1))) > 5
    drawn = cats.sample(50, random_state=0, text="the [MASK] sat on the [MASK]")
    # the corpus has these two alone; words drawn each by itself would agree in 3 of 50
    pairs = Counter((text.split()[1], text.split()[-1]) for text in drawn)
    assert pairs[("cat", "mat")] + pairs[("dog", "rug")] > 20
    assert min(pairs[("cat", "mat")], pairs[("dog", "rug")]) > 3


@pytest.mark.parametrize("pretext", ["token", "word", "span"])
@pytest.mark.parametrize("replacement", ["mask", "80/10/10"])
def test_every_way_to_hide_teaches(pretext, replacement):
    settings = {**SMALL, "epochs": 40, "pretext": pretext, "replacement": replacement}
    model = MaskedLanguageModel(**settings).fit(CATS)
    assert model.evaluate(CATS).loss < 0.5 * _unigram(model, CATS, CATS)


def test_the_same_seed_gives_the_same_model_and_files_are_as_lists(tmp_path):
    path = tmp_path / "cats.txt"
    path.write_text("\n".join(CATS))
    one = MaskedLanguageModel(**SMALL).fit(CATS)
    other = clone(one).fit(path)
    for (name, a), (_, b) in zip(
        one.energy_.state_dict().items(), other.energy_.state_dict().items(), strict=True
    ):
        assert torch.equal(a, b), name
    np.testing.assert_array_equal(one.energy(path), one.energy(CATS))


def test_parts_of_a_step_teach_as_the_whole_does():
    whole = MaskedLanguageModel(**{**SMALL, "epochs": 40}).fit(CATS)
    parts = MaskedLanguageModel(**{**SMALL, "epochs": 40}, accumulate=3).fit(CATS)
    assert len(parts.history_) == len(whole.history_)
    assert parts.evaluate(CATS).loss < 0.5 * _unigram(parts, CATS, CATS)


def test_a_run_that_was_killed_goes_on_to_the_bit(tmp_path):
    settings = {**SMALL, "epochs": 4, "pretext": "span", "replacement": "80/10/10"}
    whole = MaskedLanguageModel(**settings).fit(CATS)

    class Killed(Exception):
        pass

    def killed_at(step):
        count = 0
        take = TokenRows.take

        def counting(self, index):
            nonlocal count
            count += 1
            if count > step:
                raise Killed
            return take(self, index)

        return counting

    run = Run(tmp_path / "kept", every=2)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TokenRows, "take", killed_at(5))
        with pytest.raises(Killed):
            MaskedLanguageModel(**settings).fit(CATS, run=run)
    resumed = MaskedLanguageModel(**settings).fit(
        CATS, run=Run(tmp_path / "kept", every=2, resume=True)
    )
    assert len(resumed.history_) == len(whole.history_) > 5
    for (name, a), (_, b) in zip(
        whole.energy_.state_dict().items(), resumed.energy_.state_dict().items(), strict=True
    ):
        assert torch.equal(a, b), name


def test_half_the_bits_teach_as_well():
    settings = {**SMALL, "epochs": 40, "precision": "bf16"}
    model = MaskedLanguageModel(**settings).fit(CATS)
    assert next(model.energy_.parameters()).dtype == torch.float32
    # it does not learn the very same
    whole = MaskedLanguageModel(**{**settings, "precision": "no"}).fit(CATS)
    assert float(model.history_.values[0]) != float(whole.history_.values[0])
    assert model.evaluate(CATS).loss < 0.5 * _unigram(model, CATS, CATS)


def _same_answers(one: MaskedLanguageModel, other: MaskedLanguageModel) -> None:
    texts = ["the cat sat on a mat", "a dog, the rug"]
    np.testing.assert_allclose(one.energy(texts), other.energy(texts), rtol=1e-5)
    np.testing.assert_allclose(one.transform(texts), other.transform(texts), atol=1e-5)
    assert one.complete(["the [MASK] sat"]) == other.complete(["the [MASK] sat"])


def test_it_is_saved_whole(cats, tmp_path):
    cats.save(tmp_path / "model")
    again = thalweg.load(tmp_path / "model")
    _same_answers(cats, again)
    assert again.get_params() == cats.get_params()
    assert again.sample(3, 0) == cats.sample(3, 0)
    # and over itself
    again.save(tmp_path / "model")
    assert [each.name for each in tmp_path.iterdir()] == ["model"]
    _same_answers(cats, thalweg.load(tmp_path / "model"))


def test_numbers_of_numpy_are_saved_as_well(tmp_path):
    settings = {**SMALL, "width": np.int64(32), "random_state": np.random.RandomState(0)}
    model = MaskedLanguageModel(**settings).fit(CATS)
    model.save(tmp_path / "model")
    assert thalweg.load(tmp_path / "model").get_params()["width"] == 32
    _same_answers(model, thalweg.load(tmp_path / "model"))


def test_nothing_of_the_users_is_lost_in_saving(cats, tmp_path):
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "thesis.txt").write_text("mine")
    with pytest.raises(InputError, match=r"has other files, 'thesis\.txt'"):
        cats.save(tmp_path / "model")
    (tmp_path / "file").write_text("mine")
    with pytest.raises(InputError, match="is a file"):
        cats.save(tmp_path / "file")
    cats.save(tmp_path / "kept")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("thalweg.estimators.texts.folder.save_file", _full_disk)
        with pytest.raises(OSError, match="No space left"):
            cats.save(tmp_path / "kept")
    _same_answers(cats, thalweg.load(tmp_path / "kept"))
    assert sorted(each.name for each in tmp_path.iterdir()) == ["file", "kept", "model"]


def _full_disk(*given: object) -> None:
    raise OSError("No space left on device")


@pytest.mark.parametrize(
    ("name", "damage"),
    [
        (name, damage)
        for name in ("thalweg.json", "config.json", "model.safetensors", "tokenizer.json")
        for damage in ("cut", "gone", "swapped")
        # without it the folder is one of transformers, and opens as such
        if (name, damage) != ("thalweg.json", "gone")
    ],
)
def test_a_damaged_folder_is_named(cats, tmp_path, name, damage):
    folder = tmp_path / "model"
    cats.save(folder)
    file = folder / name
    if damage == "gone":
        file.unlink()
    elif damage == "cut":
        file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    else:
        file.write_text("{}")
    with pytest.raises(InputError, match=str(folder)):
        thalweg.load(folder)


def test_a_newer_version_is_named(cats, tmp_path):
    cats.save(tmp_path / "model")
    file = tmp_path / "model" / "thalweg.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "format": 99}))
    with pytest.raises(InputError, match="version 99"):
        thalweg.load(tmp_path / "model")


def test_a_folder_of_something_else(tmp_path):
    with pytest.raises(InputError, match=r"no config\.json"):
        thalweg.load(tmp_path)


def test_it_opens_in_transformers(cats, tmp_path):
    """The same tokens, and the same probabilities of all of them."""
    cats.save(tmp_path / "model")
    model, info = transformers.AutoModelForMaskedLM.from_pretrained(
        tmp_path / "model", output_loading_info=True
    )
    assert not any(info.values())
    tokenizer = transformers.AutoTokenizer.from_pretrained(tmp_path / "model")
    text = "the [MASK] sat on a rug,[MASK] mat"
    given = tokenizer([text], return_tensors="pt")
    tokens = cats.vocabulary_.encode([text])[0]
    inner = np.where(tokens == HIDDEN_TOKEN, tokenizer.mask_token_id, tokens)
    assert given.input_ids[0, 1:-1].tolist() == inner.tolist()
    assert given.input_ids[0, [0, -1]].tolist() == [tokenizer.cls_token_id, tokenizer.sep_token_id]
    theirs = model(**given).logits.log_softmax(dim=-1)[0, 1:-1]
    y = torch.from_numpy(tokens)[None]
    ours = cats.energy_.conditional(y, torch.ones_like(y, dtype=torch.bool))
    torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-4)
    # the representation is the mean of what is inside, marks included
    inside = model.model(**given).last_hidden_state.mean(dim=1).detach()
    np.testing.assert_allclose(cats.transform([text]), inside, rtol=1e-4, atol=1e-4)


def _bert(path: Path, kind: str, spare: int = 0) -> None:
    """A small random model of another architecture, saved by transformers."""
    shape = {
        "vocab_size": 90, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2,
        "intermediate_size": 48, "max_position_embeddings": 40,
    }  # fmt: skip
    if kind == "bert":
        names = ("[CLS]", "[SEP]", "[MASK]", "[PAD]", "[UNK]")
        inner = tokenizers.Tokenizer(tokenizers.models.WordPiece(unk_token="[UNK]"))
        inner.pre_tokenizer = tokenizers.pre_tokenizers.BertPreTokenizer()
        inner.normalizer = tokenizers.normalizers.BertNormalizer()
        inner.decoder = tokenizers.decoders.WordPiece()
        trainer = tokenizers.trainers.WordPieceTrainer
        config, model = transformers.BertConfig(**shape), transformers.BertForMaskedLM
    else:
        names = ("<s>", "</s>", "<mask>", "<pad>", "<unk>")
        inner = tokenizers.Tokenizer(tokenizers.models.Unigram())
        inner.pre_tokenizer = tokenizers.pre_tokenizers.Metaspace()
        inner.decoder = tokenizers.decoders.Metaspace()
        trainer = tokenizers.trainers.UnigramTrainer
        config, model = transformers.RobertaConfig(**shape), transformers.RobertaForMaskedLM
    start, end, mask, padding, unknown = names
    more = {"unk_token": unknown} if kind == "roberta" else {}
    inner.train_from_iterator(
        CATS, trainer(vocab_size=60, special_tokens=list(names), show_progress=False, **more)
    )
    config.pad_token_id = inner.token_to_id(padding)
    config.vocab_size = inner.get_vocab_size() + spare
    tokenizer = transformers.PreTrainedTokenizerFast(
        tokenizer_object=inner, mask_token=mask, pad_token=padding, unk_token=unknown,
        **({"cls_token": start, "sep_token": end} if kind == "bert" else
           {"bos_token": start, "eos_token": end}),
    )  # fmt: skip
    tokenizer.save_pretrained(path)
    torch.manual_seed(0)
    network = model(config)
    with torch.no_grad():
        for weight in network.parameters():
            weight.add_(torch.randn_like(weight) * 0.1)
    network.save_pretrained(path)


@pytest.mark.parametrize("kind", ["bert", "roberta"])
def test_a_model_of_transformers_opens_here(kind, tmp_path):
    """Its energy is the sum that a loop over transformers' own model gives; and it is kept."""
    _bert(tmp_path / "theirs", kind)
    model = thalweg.load(tmp_path / "theirs")
    network = transformers.AutoModelForMaskedLM.from_pretrained(tmp_path / "theirs").eval()
    marks = model.vocabulary_.marks
    texts = ["the cat sat on a mat", "dog"]
    for text, energy in zip(texts, model.energy(texts), strict=True):
        tokens = model.vocabulary_.encode([text])[0].tolist()
        total = 0.0
        for i, token in enumerate(tokens):
            ids = [marks.start, *tokens, marks.end]
            ids[1 + i] = marks.hidden
            logits = network(torch.tensor([ids])).logits[0, 1 + i]
            total -= float(logits.detach().log_softmax(dim=0)[token])
        assert energy == pytest.approx(total, rel=1e-4)
    assert model.transform(texts).shape == (2, 32)
    assert model.get_params()["layers"] == 2
    filled = model.complete(["the [MASK] sat"])[0]
    assert filled.startswith("the ")
    assert filled.endswith(" sat")
    assert len(model.sample(2, 0)) == 2
    model.save(tmp_path / "ours")
    _same_answers(model, thalweg.load(tmp_path / "ours"))


def test_a_vocabulary_smaller_than_the_network_is_no_harm(tmp_path):
    """Embeddings are often rounded up; what no token has never stands in a blank."""
    _bert(tmp_path / "theirs", "bert", spare=7)
    model = thalweg.load(tmp_path / "theirs")
    assert len(model.vocabulary_) == model.energy_.network.vocabulary_size
    assert len(model.completions(["the [MASK] sat"], top=10)[0]) == 10
    assert len(model.sample(2, 0, text="[MASK] cat [MASK]")) == 2


def test_a_text_may_begin_with_a_blank(tmp_path):
    """The first word is written as after a space by some tokenizers."""
    _bert(tmp_path / "theirs", "roberta")
    vocabulary = thalweg.load(tmp_path / "theirs").vocabulary_
    allowed = vocabulary.may_stand("[MASK] sat [MASK]")
    assert allowed[0].any()
    np.testing.assert_array_equal(allowed[0], allowed[1])


def test_a_folders_own_code_is_not_run(tmp_path):
    """Neither to build the network nor to build the tokenizer; nor is anybody asked whether to."""
    _bert(tmp_path / "theirs", "bert")
    marker = tmp_path / "ran"
    (tmp_path / "theirs" / "evil.py").write_text(f"open({str(marker)!r}, 'w')\n")
    file = tmp_path / "theirs" / "config.json"
    config = {**json.loads(file.read_text()), "model_type": "unheard-of"}
    config["auto_map"] = {"AutoConfig": "evil.Config", "AutoModelForMaskedLM": "evil.Model"}
    file.write_text(json.dumps(config))
    with pytest.raises(InputError, match="theirs is not a masked language model"):
        thalweg.load(tmp_path / "theirs")
    assert not marker.exists()


def test_pickles_are_not_opened(tmp_path):
    _bert(tmp_path / "theirs", "bert")
    file = tmp_path / "theirs" / "model.safetensors"
    torch.save({"weights": "code"}, tmp_path / "theirs" / "pytorch_model.bin")
    file.unlink()
    with pytest.raises(InputError, match="not a masked language model that transformers can read"):
        thalweg.load(tmp_path / "theirs")


def test_a_model_without_a_head_is_not_given_a_random_one(tmp_path):
    _bert(tmp_path / "whole", "bert")
    shutil.copytree(tmp_path / "whole", tmp_path / "base")
    transformers.BertModel.from_pretrained(tmp_path / "whole").save_pretrained(tmp_path / "base")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(InputError, match=r"no values for .*it has no head"):
            thalweg.load(tmp_path / "base")


@pytest.mark.parametrize(
    ("ask", "said"),
    [
        (lambda m: m.complete(["fine [MASK]", "nothing to fill"]), r"text 1 has no \[MASK\]"),
        (lambda m: m.complete(["a [MASK]" + " cat" * 200]), r"text 0 has 202 tokens; .* 126"),
        (lambda m: m.completions(["a [MASK]"], top=0), "top must be a whole number of at least 1"),
        (lambda m: m.sample(1, text="nothing hidden"), r"the text has no \[MASK\]"),
        (lambda m: m.sample(1, n_sweeps=0), "n_sweeps must be a whole number of at least 1"),
        (lambda m: m.energy("one str"), "got one str"),
        (lambda m: m.energy(["fine", "half \ud800"]), "number 1 has half a character"),
        (lambda m: m.sample(-1), "n must be a whole number of at least 0, got -1"),
        (lambda m: m.evaluate(["cat"]), "no text has two tokens"),
    ],
)
def test_bad_questions_are_named(cats, ask, said):
    with pytest.raises(InputError, match=said):
        ask(cats)


@pytest.mark.parametrize(
    ("corpus", "settings", "said"),
    [
        ([], {}, "the corpus is empty"),
        (["", "  "], {}, "the corpus is empty"),
        (CATS, {"vocabulary_size": 5000}, "the corpus has fewer"),
        (
            CATS,
            {"width": 30, "heads": 4},
            "MaskedLanguageModel: width must be",
        ),
        (["cat", "dog"] * 9, {}, "nothing can be hidden .* two tokens or more"),
        (["mattresses", "windows"] * 9, {"pretext": "word"}, "two words or more"),
    ],
)
def test_bad_corpora_and_settings_are_named(corpus, settings, said):
    with pytest.raises(InputError, match=said):
        MaskedLanguageModel(**{**SMALL, **settings}).fit(corpus)


@pytest.mark.parametrize("name", sorted(MaskedLanguageModel.parameters))
def test_every_parameter_is_checked(name):
    for value in MaskedLanguageModel.parameters[name].constraint.violations():
        with pytest.raises(InputError, match=f"MaskedLanguageModel: {name} must be"):
            MaskedLanguageModel(**{name: value}).fit(CATS)


def test_a_corpus_of_short_texts_is_learned_too():
    """Texts of one token have nothing to be predicted from; they teach nothing and do no harm."""
    model = MaskedLanguageModel(**{**SMALL, "epochs": 40}).fit(
        ["cat", "dog"] * 10 + ["cat dog"] * 30
    )
    assert np.isfinite(model.energy(["cat", "dog cat"])).all()
    assert model.complete(["cat [MASK]"]) == ["cat dog"]


def test_no_texts_have_no_answers(cats):
    assert cats.energy([]).shape == (0,)
    assert cats.transform([]).shape == (0, 32)
    assert cats.complete([]) == []


def test_many_blanks_are_asked_about_a_few_rows_at_a_time(cats, monkeypatch):
    text = "a [MASK] and a [MASK] met " * 3
    whole = cats.completions([text], top=3)[0]
    sizes = []
    network = cats.energy_.network
    encode = type(network)._encode

    def watched(self, y):
        sizes.append(y.numel())
        return encode(self, y)

    monkeypatch.setattr(type(network), "_encode", watched)
    monkeypatch.setattr(network, "at_a_time", 100)
    few = cats.completions([text], top=3)[0]
    assert [each.pieces for each in few] == [each.pieces for each in whole]
    # a text more than there is room for, at most
    assert max(sizes) <= 100 + 19


def test_hiding_a_token_lowers_the_energy_by_what_is_said(cats):
    texts = ["the cat sat on the rug", "", "a [MASK] and a dog", "a cat and a dog sat"]
    said = cats.explain(texts)
    tokens = [cats.vocabulary_.encode([text])[0] for text in texts]
    assert [len(each) for each in said.contribution] == [len(each) for each in tokens]
    assert ["".join(each) for each in said.columns] == [text.replace(" [", "[") for text in texts]
    whole = cats.energy(texts)
    for i, each in enumerate(tokens):
        for j in range(len(each)):
            y = torch.from_numpy(each)[None].clone()
            y[0, j] = HIDDEN_TOKEN
            with torch.no_grad():
                lowered = whole[i] - float(cats.energy_(y))
            expected = 0 if each[j] == HIDDEN_TOKEN else lowered
            assert said.contribution[i][j] == pytest.approx(expected, rel=1e-3, abs=1e-3)
    # what is expected in a place is the likeliest filling of it
    assert cats.complete(["the cat sat on the [MASK]"]) == ["the cat sat on the mat"]
    assert said.usual[0][-1] == " mat"
    assert cats.explain(texts, usual=False).usual is None


def test_a_foreign_word_is_the_most_telling_one(cats):
    said = cats.explain(["the dog sat on the rug", "a cat and a dog rug"], usual=False)
    text, token = said.most(1)[0]
    assert (text, said.columns[text][token]) == (1, " rug")


def test_one_blank_is_drawn_by_its_softmax(cats):
    drawn = cats.complete(["the [MASK] sat on the mat"], draws=400, random_state=0)
    assert len(drawn) == 400
    often = Counter(each[0] for each in drawn)
    every = cats.completions(["the [MASK] sat on the mat"], top=3)[0]
    for each in every:
        wide = math.sqrt(each.probability * (1 - each.probability) / 400)
        assert abs(often[each.text] / 400 - each.probability) < 4 * wide + 1e-6
    assert cats.complete(["a [MASK] and a [MASK]"], draws=2, random_state=1) == cats.complete(
        ["a [MASK] and a [MASK]"], draws=2, random_state=1
    )
    assert cats.complete([], draws=2) == []
    with pytest.raises(InputError, match="draws must be"):
        cats.complete(["a [MASK]"], draws=0)
    with pytest.raises(InputError, match="n_sweeps must be"):
        cats.complete(["a [MASK]"], draws=1, n_sweeps=0)


def test_what_it_was_calibrated_by_is_in_its_folder(cats, tmp_path):
    model = thalweg.load(saved(cats, tmp_path / "before"))
    assert getattr(model, "calibration_", None) is None
    model.calibrate(CATS[:9])
    again = thalweg.load(saved(model, tmp_path / "after"))
    np.testing.assert_array_equal(again.calibration_, model.calibration_)
    np.testing.assert_array_equal(again.p_values(CATS[:3]), model.p_values(CATS[:3]))
    path = tmp_path / "after" / "thalweg.json"
    header = json.loads(path.read_text())
    for bad in ([], ["a"], [2.0, 1.0], "x"):
        path.write_text(json.dumps({**header, "calibration": bad}))
        with pytest.raises(InputError, match=r"calibration of thalweg\.json"):
            thalweg.load(tmp_path / "after")


def saved(model, path):
    model.save(path)
    return path
