SELECT cause, proof FROM incidents WHERE 1 = 0
