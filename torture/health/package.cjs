'use strict';

/** The package as it was built: what users get. */
module.exports = require('../../dist/index.js');
