int rf_placeholder;
