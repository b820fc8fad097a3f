# frozen_string_literal: true

module Tensorfile
  VERSION = "0.1.0"
end
