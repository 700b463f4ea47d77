# SPDX-License-Identifier: Apache-2.0
"""scikit-learn's side of tests/cli/evaluate_features_test.cc.

features_peer.py FEATURES OUTPUT NAME...   compares what `sap-evaluate features.NAME=FEATURES/NAME`
wrote into OUTPUT with silhouette, Davies-Bouldin, exact t-SNE and logistic regression, and prints
both numbers and the difference of each. The divergence of t-SNE is that of another local minimum:
the features must have clusters, or scikit-learn's own runs differ by more than the limit of 5 %.
"""
import csv
import json
import sys
from pathlib import Path

import numpy
from sklearn.linear_model import LogisticRegression
from sklearn.manifold import TSNE, trustworthiness
from sklearn.metrics import (davies_bouldin_score, roc_auc_score, silhouette_samples,
                             silhouette_score)
from sklearn.neighbors import NearestNeighbors
from sklearn.preprocessing import StandardScaler


def read_features(path):
    blob = path.read_bytes()
    size = int.from_bytes(blob[:8], "little")
    entry = json.loads(blob[8:8 + size])["features"]
    assert entry["dtype"] == "F32", entry
    begin, end = entry["data_offsets"]
    flat = numpy.frombuffer(blob[8 + size + begin:8 + size + end], dtype="<f4")
    return flat.reshape(entry["shape"]).astype(numpy.float64)


def read_table(path):
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def column(rows, name):
    return numpy.array([float(row[name]) for row in rows])


def probe(features, is_lesion, folds, c):
    """Log odds of each vector by a model of the other folds."""
    log_odds = numpy.empty(len(features))
    for fold in numpy.unique(folds):
        held_out = folds == fold
        scaler = StandardScaler().fit(features[~held_out])
        model = LogisticRegression(C=c, tol=1e-10, max_iter=100000)
        model.fit(scaler.transform(features[~held_out]), is_lesion[~held_out])
        log_odds[held_out] = model.decision_function(scaler.transform(features[held_out]))
    return log_odds


def label_agreement(points, is_lesion):
    """Share of vectors whose nearest neighbour in the map is of the same kind."""
    neighbours = NearestNeighbors(n_neighbors=1).fit(points).kneighbors(return_distance=False)
    return float(numpy.mean(is_lesion[neighbours[:, 0]] == is_lesion))


def compare(folder, output, name):
    """True when every number agrees."""
    study = json.loads((output / "features.json").read_text(encoding="utf-8"))
    ours, options = study["methods"][name], study["options"]
    rows = read_table(output / f"tsne_{name}.csv")
    features = read_features(folder / name / "features.safetensors")
    is_lesion = numpy.array([row["kind"] == "lesion" for row in rows])
    points = numpy.stack([column(rows, "tsne_1"), column(rows, "tsne_2")], axis=1)
    log_odds = probe(features, is_lesion, column(rows, "probe_fold"), options["probe_c"])
    tsne = TSNE(method="exact", init="pca", perplexity=options["tsne_perplexity"], random_state=0)
    peer_points = tsne.fit_transform(features)
    checks = [  # what, ours, scikit-learn's, largest difference
        ("silhouette", ours["silhouette"], silhouette_score(features, is_lesion), 1e-9),
        ("silhouette of a vector", column(rows, "silhouette"),
         silhouette_samples(features, is_lesion), 1e-9),
        ("Davies-Bouldin", ours["davies_bouldin"], davies_bouldin_score(features, is_lesion), 1e-9),
        ("trustworthiness of our map", ours["tsne_trustworthiness"],
         trustworthiness(features, points, n_neighbors=12), 1e-9),
        ("trustworthiness of its map", ours["tsne_trustworthiness"],
         trustworthiness(features, peer_points, n_neighbors=12), 0.05),
        ("t-SNE divergence", ours["tsne_kl"], tsne.kl_divergence_, 0.05 * tsne.kl_divergence_),
        ("label agreement in the map", label_agreement(points, is_lesion),
         label_agreement(peer_points, is_lesion), 0.1),
        ("log odds of a vector", column(rows, "probe_log_odds"), log_odds, 1e-4),
        ("AUC", ours["probe_auc"], roc_auc_score(is_lesion, log_odds), 1e-9),
    ]
    agree = True
    for what, mine, theirs, limit in checks:
        difference = float(numpy.max(numpy.abs(mine - theirs)))
        agree = agree and difference <= limit
        print(f"{name}: {what}: {numpy.mean(mine):.6f} against {numpy.mean(theirs):.6f}, "
              f"difference {difference:.2e}{'' if difference <= limit else ' IS TOO LARGE'}")
    return agree


if __name__ == "__main__":
    results = [compare(Path(sys.argv[1]), Path(sys.argv[2]), name) for name in sys.argv[3:]]
    sys.exit(0 if results and all(results) else 1)
