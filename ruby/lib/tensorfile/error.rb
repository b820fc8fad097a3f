# frozen_string_literal: true

module Tensorfile
  # What the library says of a failure. Each kind has a class of its own, such as
  # Tensorfile::Corrupt.
  class Error < StandardError
    SIZE = 1024

    # Byte offset in the file, or nil.
    attr_reader :offset
    # The rule of the specification that was broken, or nil.
    attr_reader :rule

    def initialize(message = nil, offset: nil, rule: nil, commit_unknown: false)
      super(message)
      @offset = offset
      @rule = rule
      @commit_unknown = commit_unknown
    end

    # Whether a commit failed in its last step: the file is the one before it or the
    # new one, whole.
    def commit_unknown? = @commit_unknown

    # The kind as a Symbol, such as :corrupt.
    def kind = self.class::KIND

    # The exception for a struct of C.
    def self.from(struct)
      kind, unknown, offset, rule, message = struct.unpack("llqZ48Z960")
      rule.force_encoding(Encoding::UTF_8)
      message.force_encoding(Encoding::UTF_8)
      KINDS.fetch(kind, Internal).new(message, offset: offset.negative? ? nil : offset, rule: rule.empty? ? nil : rule,
                                               commit_unknown: unknown != 0)
    end
  end

  # The kinds of tensorfile.h by their numbers.
  KINDS = {
    1 => :Truncated, 2 => :Malformed, 3 => :Corrupt, 4 => :Overflow, 5 => :LimitExceeded, 6 => :Unsupported, 7 => :Duplicate,
    8 => :UnsafePath, 9 => :Changed, 10 => :AlreadyExists, 11 => :Locked, 12 => :NoSpace, 13 => :InputOutput, 14 => :NotFound,
    15 => :Closed, 16 => :InUse, 17 => :WrongDType, 18 => :NotContiguous, 19 => :Misaligned, 20 => :ByteOrder, 21 => :Encoded,
    22 => :ShapeMismatch, 23 => :IndexOutOfRange, 24 => :NotMapped, 25 => :Poisoned,
    32 => :WrongArgument, 33 => :WrongHandle, 34 => :Forked, 35 => :NoMemory, 36 => :Internal
  }.to_h do |number, name|
    type = Class.new(Error)
    type.const_set(:KIND, name.to_s.gsub(/(?<=[a-z])(?=[A-Z])/, "_").downcase.to_sym)
    [number, const_set(name, type)]
  end.freeze
end
