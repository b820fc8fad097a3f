# frozen_string_literal: true

require "digest"
require_relative "helper"

# The corpus of the specification: values bit for bit, refusals with rule and kind.
class CorpusTest < Minitest::Test
  include Helper

  # The words of the corpus for kinds, where ours are others.
  KINDS = { "Format" => :malformed, "Limit" => :limit_exceeded, "Path" => :unsafe_path }.freeze
  TOLD = { malformed: "malformed", limit_exceeded: "limit exceeded", unsafe_path: "unsafe path" }.freeze

  def find(file, name)
    top, *roles = name.split("\0")
    roles.inject(file[top]) { |t, role| t.part(role) }
  end

  def same(tensor, want)
    what = want["name"]
    part = what.include?("\0")
    assert_equal what, tensor.name unless part
    assert_equal want["dtype"] == "none" ? "" : want["dtype"], tensor.dtype, what
    assert_equal want["descriptor"], tensor.info[:descriptor].unpack("CxSLLL").then { |c, v, b, e, n| [c, v, b, e, n] }, what
    assert_equal want["shape"], tensor.shape, what
    assert_equal want["attributes"], tensor.attributes, what
    want["dims"].nil? ? assert_nil(tensor.dims, what) : assert_equal(want["dims"], tensor.dims, what)
    if want["layout"]
      assert_equal want["layout"].to_sym, tensor.layout, what
      assert_equal want["flags"], tensor.info[:flags], what
      assert_equal want["hash"], tensor.content_hash, what
      tensor.check_parts
      assert_equal tensor.info[:parts], tensor.parts.size, what
      assert_equal want["elements"], tensor.to_a, what if tensor.layout == :ragged && tensor.rank == 2
      return
    end
    packed = tensor.read_packed
    assert_equal tensor.nbytes, packed.bytes.bytesize, what
    if want["sha256"]
      assert_equal want["bytes"], packed.bytes.bytesize, what
      assert_equal want["sha256"], Digest::SHA256.hexdigest(packed.bytes), what
    end
    mapped(tensor, packed) if tensor.info[:stored_as] == :raw && tensor.file.info[:mapped]
  end

  # What is mapped is what is read.
  def mapped(tensor, packed)
    return if tensor.info[:elements].zero?
    return if packed.per_unit > 1 && (tensor.shape[-1] || 1) % packed.per_unit != 0 # bits behind the last element

    tensor.map do |pointer|
      lowest = tensor.shape.zip(tensor.strides).sum { |e, s| s.negative? ? s * (e - 1) : 0 }
      units = tensor.shape.dup
      units[-1] = (units[-1] + packed.per_unit - 1) / packed.per_unit unless units.empty?
      size = units.zip(tensor.strides).sum { |e, s| (e - 1) * s.abs } + packed.unit
      bytes = (pointer + lowest)[0, size]
      assert_equal packed.bytes, Tensorfile::Packed.new(tensor.dtype, tensor.shape, tensor.strides, bytes).compact.bytes, tensor.name
      @mapped += 1
    end
  end

  def test_accept
    files = Dir[File.join(TESTDATA, "accept", "*.tensor")].sort
    assert_operator files.size, :>=, 19
    tensors = @mapped = 0
    files.each do |name|
      want = JSON.parse(File.read(name.sub(/tensor\z/, "json")))
      bytes = File.binread(name)
      [-> { Tensorfile.open(name) }, -> { Tensorfile.open(name, mmap: false, native_only: true) }, -> { Tensorfile.open_memory(bytes) }].each do |open|
        f = open.call
        assert_equal want["generation"], f.info[:generation], name
        assert_equal want["attributes"], f.attributes, name
        assert_equal want["tensors"].map { |t| t["name"] }.reject { |n| n.include?("\0") }, f.names, name
        want["tensors"].each { |t| same(find(f, t["name"]), t) }
        tensors += want["tensors"].size
        f.close
      end
    end
    puts "accept: #{files.size} files, #{tensors} tensors read, #{@mapped} mapped"
    assert_operator tensors, :>=, 1000
    assert_operator @mapped, :>=, 100
  end

  # [step, kind, rule] of all that is wrong with a file.
  def refusals(name)
    found = []
    f = Tensorfile.open(name, native_only: true)
    step = lambda do |n, &block|
      block.call
    rescue Tensorfile::Error => e
      found << [n, e.kind, e.rule]
      nil
    end
    step.call(1) { f.attributes }
    (step.call(1) { f.names } || []).each { |n| step.call(1) { use(f[n]) } }
    report = step.call(2) { f.verify }
    (report ? report["findings"] + report["unknown"] : []).each { |e| found << [2, e["kind"], e["rule"]] }
    f.close
    found
  rescue Tensorfile::Error => e
    [[0, e.kind, e.rule]]
  end

  def use(tensor)
    tensor.attributes
    return tensor.nbytes < 1 << 28 && tensor.read_packed if tensor.dense?

    tensor.parts.each_value { |p| use(p) }
    tensor.check_parts
  end

  def test_reject
    files = Dir[File.join(TESTDATA, "reject", "*.tensor")].sort
    assert_operator files.size, :>=, 150
    files.each do |name|
      want = JSON.parse(File.read(name.sub(/tensor\z/, "json")))
      found = refusals(name)
      if want["at"] == "write"
        assert_empty found, name
        next
      end
      kind = KINDS.fetch(want["kind"]) { want["kind"].downcase.to_sym }
      last = %w[open use verify].index(want["at"])
      assert found.any? { |step, k, rule| step <= last && rule == want["rule"] && (k == kind || k == TOLD.fetch(kind, kind.to_s)) },
             "#{name}: #{found} and not #{want}"
    end
    puts "reject: #{files.size} files"
  end
end
