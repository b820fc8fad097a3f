# frozen_string_literal: true

require "socket"
require_relative "helper"

# Reading and writing, errors, lifetimes.
class TensorfileTest < Minitest::Test
  include Helper

  ROWS = 37
  COLS = 11

  def sample
    @grid = grid(ROWS, COLS)
    Tensorfile.create(path) do |w|
      w.write "plain", @grid, dtype: "f32", dims: ["row", nil], attributes: { "unit" => "m", "scale" => 0.1 }
      w.write "chunked", @grid, dtype: "i32", codec: "shuffle|zstd:3", chunk: [5, 4]
      w.write "scalar", 3.14159
      w.write "empty", "", dtype: "i16", shape: [0, 4]
      w.write "packed", "\x21\x03\x54\x06".b, dtype: "u4", shape: [2, 3]
      w.attributes = { "made" => "here", "n" => 2**64 - 1 }
    end
  end

  def floats(rows) = rows.map { |r| r.map(&:to_f) }

  def test_read
    sample
    Tensorfile.open(path) do |f|
      assert_equal %w[chunked empty packed plain scalar], f.names
      assert_equal({ "made" => "here", "n" => 2**64 - 1 }, f.attributes)
      t = f["plain"]
      assert_equal ["f32", [ROWS, COLS], [44, 4], nil, ["row", nil]], [t.dtype, t.shape, t.strides, t.chunk, t.dims]
      assert_equal({ "dims" => ["row", nil], "scale" => 0.1, "unit" => "m" }, t.attributes)
      assert_equal floats(@grid), t.read.to_a
      c = f["chunked"]
      assert_equal [[5, 4], "shuffle|zstd:3", :chunked, true], [c.chunk, c.codec, c.info[:stored_as], c.dense?]
      assert_equal @grid, c.to_a
      assert_equal 3.14159, f["scalar"].read.to_a
      assert_equal [], f["empty"].read.to_a
      assert_equal "\x21\x03\x54\x06".b, f["packed"].read.bytes
      assert_equal({ "status" => "ok", "findings" => [] }, f.verify.slice("status", "findings"))
      assert_equal 5, f.size
      assert_equal %w[chunked empty packed plain scalar], f.map(&:name)
      assert f.key?("plain")
      refute f.key?("none")
      assert_equal 7, f.fetch("none") { 7 }
      assert_match(/tensorfile, 5 tensors/, f.inspect)
      assert_match(/"plain" f32 \[37, 11\]/, t.inspect)
      f.check
    end
  end

  def test_selections
    sample
    Tensorfile.open(path) do |f|
      c = f["chunked"]
      transposed = @grid.transpose
      assert_equal @grid[3], c.read(3).to_a
      assert_equal @grid[-1], c[-1].to_a
      assert_equal @grid[4][2], c.read(4, 2).to_a
      assert_equal transposed[-2], c.read(nil, -2).to_a
      assert_equal @grid[3..8], c.read(3..8).to_a
      assert_equal @grid[3...8], c.read(3...8, true).to_a
      assert_equal @grid[30..], c.read(30..).to_a
      assert_equal @grid[..2], c.read(..2).to_a
      assert_equal @grid[-5..-2], c.read(-5..-2).to_a
      assert_equal @grid[5..100], c.read(5..100).to_a
      assert_equal [], c.read(5...5).to_a
      assert_equal [], c.read(8..2).to_a
      assert_equal [], c.read(40..41).to_a
      assert_equal [1, 4, 7, 10].map { |i| @grid[i] }, c.read((1..10).step(3)).to_a
      assert_equal [1, 4, 7].map { |i| @grid[i] }, c.read((1...10).step(3)).to_a
      assert_equal @grid.reverse, c.read((ROWS - 1).step(0, -1)).to_a
      assert_equal [10, 6, 2].map { |i| transposed[i] }.transpose, c.read(nil, 10.step(1, -4)).to_a
      assert_equal [[@grid[36][9], @grid[36][10]], [@grid[33][9], @grid[33][10]]], c.read(36.step(31, -3), 9..).to_a
      rows = [17, 0, -1, 17, 5]
      assert_equal rows.map { |r| @grid[r] }, c.read(rows).to_a
      assert_equal floats(rows.map { |r| @grid[r] }), f["plain"].read(rows).to_a
      assert_equal [], c.read([]).to_a
      [-> { c.read(37) }, -> { c.read(-38) }, -> { c.read(0, 11) }, -> { c.read(0, 0, 0) }, -> { c.read(-40..3) }, -> { c.read((0..3).step(0.5)) }, -> { c.read([3, 37]) },
       -> { f["scalar"].read([0]) }].each { |bad| assert_raises(Tensorfile::IndexOutOfRange, &bad) }
      assert_raises(ArgumentError) { c.read("3") }
      assert_raises(ArgumentError) { c.read([1.5]) }
    end
  end

  def test_map
    sample
    f = Tensorfile.open(path)
    t = f["plain"]
    t.map do |pointer|
      assert_equal @grid.flatten.map(&:to_f), pointer[0, ROWS * COLS * 4].unpack("f*")
      f.close
      assert_equal @grid[1][0].to_f, (pointer + 44)[0, 4].unpack1("f") # as long as the block
    end
    assert_raises(Tensorfile::Closed) { t.read }
    assert_raises(Tensorfile::Closed) { f.names }
    assert f.closed?
    f.close
    Tensorfile.open(path) do |g|
      assert_raises(Tensorfile::Encoded) { g["chunked"].map { flunk } }
      g["empty"].map { |pointer| assert_nil pointer }
    end
    Tensorfile.open(path, mmap: false) { |g| assert_raises(Tensorfile::NotMapped) { g["plain"].map { flunk } } }
  end

  def test_every_type
    values = {
      "bool" => [true, false, true], "i8" => [-128, 0, 127], "i16" => [-300, 7, 32_767], "i32" => [-2**31, 3, 2**31 - 1],
      "i64" => [-2**63, 1, 2**63 - 1], "u8" => [0, 255, 4], "u16" => [65_535, 1, 2], "u32" => [2**32 - 1, 8, 5],
      "u64" => [2**64 - 1, 0, 77], "f32" => [0.5, -2.25, 1e10], "f64" => [0.1, -1e300, 5e-324],
      "c64" => [Complex(1, -2), Complex(0.5, 3), Complex(0, 0)], "c128" => [Complex(0.1, 0.2), Complex(-1, 1e300), Complex(3, 4)]
    }
    Tensorfile.create(path) do |w|
      values.each { |dtype, list| w.write dtype, list, dtype: dtype }
      w.write "halves", "\x00\x3c\x00\xc0".b, dtype: "f16", shape: [2]
    end
    Tensorfile.open(path) do |f|
      values.each { |dtype, list| assert_equal list, f[dtype].read.to_a, dtype }
      assert_equal ["\x00\x3c".b, "\x00\xc0".b], f["halves"].read.to_a
    end
    # What does not fit is no other number.
    { "i8" => 128, "u8" => -1, "u64" => 2**64, "i64" => 2**63, "bool" => 1, "i32" => 1.5, "f32" => Complex(1, 2), "f64" => nil }.each do |dtype, x|
      assert_raises(ArgumentError) { Tensorfile::Packed.of([x], dtype: dtype) }
    end
    assert_equal %w[i64 f64 bool c128], [[[1]], [1.5], [[[true]]], Complex(1, 2)].map { |x| Tensorfile::Packed.of(x).dtype }
    assert_raises(ArgumentError) { Tensorfile::Packed.of([[1, 2], [3]]) }
    assert_raises(ArgumentError) { Tensorfile::Packed.of([1, [2]]) }
    assert_raises(ArgumentError) { Tensorfile::Packed.of([]) }
    assert_raises(ArgumentError) { Tensorfile::Packed.of("abc") }
    assert_raises(ArgumentError) { Tensorfile::Packed.of(Object.new) }
    assert_raises(ArgumentError) { Tensorfile::Packed.of([1], dtype: "f16") }
    assert_equal [0, 3], Tensorfile::Packed.of([], dtype: "i8").shape + [3]
  end

  def test_strides
    bytes = (0...24).to_a.pack("s*")
    # Columns backwards of 4 rows of 6.
    v = Tensorfile::Packed.new("i16", [3, 4], [-4, 12], bytes.byteslice(0, 36 + 10))
    want = [[4, 10, 16, 22], [2, 8, 14, 20], [0, 6, 12, 18]]
    assert_equal want, v.to_a
    assert_equal want.flatten, v.compact.bytes.unpack("s*")
    Tensorfile.create(path) { |w| w.write "v", v }
    Tensorfile.open(path) { |f| assert_equal want, f["v"].to_a }
    Tensorfile.create(path("b.tensor")) do |w|
      short = Tensorfile::Packed.new("i16", [3, 4], [-4, 12], "\0" * 45)
      assert_match(/46 bytes, not 45/, assert_raises(ArgumentError) { w.write "v", short }.message)
      assert_raises(ArgumentError) { w.write "v", "\0" * 5, dtype: "i16", shape: [3] }
      assert_raises(ArgumentError) { w.write "v", [1], dims: %w[a b] }
      assert_raises(ArgumentError) { w.write "v", [1], chunk: [1, 2] }
      assert_raises(ArgumentError) { w.write "v", [1], codecs: "zstd" }
    end
  end

  def test_edit
    sample
    more = grid(4, COLS, 5000)
    old = Tensorfile.open(path)
    Tensorfile.edit(path, wait: 0.5) do |w|
      assert_raises(Tensorfile::Locked) { Tensorfile.edit(path) }
      w.append "chunked", more, dtype: "i32"
      w.rename "scalar", "pi"
      w.remove "empty"
      w.copy "packed", "again"
      w.set_attributes "pi", { "digits" => 5 }
      w.write "pi2", [1, 2], dtype: "u8", replace: true
      assert_nil old.refresh
      assert_raises(Tensorfile::WrongDType) { w.append "chunked", more, dtype: "i64" }
    end
    newer = old.refresh
    assert_equal @grid + more, newer["chunked"].to_a
    assert_equal @grid, old["chunked"].to_a
    assert_equal %w[again chunked packed pi pi2 plain], newer.names
    assert_equal({ "digits" => 5 }, newer["pi"].attributes)
    assert_equal [2, 1], newer.generations.map { |g| g[:number] }
    newer.close
    # Parts of a tensor, its end, and back.
    Tensorfile.edit(path) do |w|
      w.write_region "chunked", [8, 1], [[1, 2, 3], [4, 5, 6]], steps: [-4, 4], dtype: "i32"
      w.shrink "chunked", 20
      w.commit
      w.revert 1
    end
    want = (@grid + more)[0...20].map(&:dup)
    [[8, [1, 2, 3]], [4, [4, 5, 6]]].each { |row, list| list.each_with_index { |x, k| want[row][1 + 4 * k] = x } }
    Tensorfile.open(path, generation: 3) { |f| assert_equal want, f["chunked"].to_a }
    Tensorfile.open(path) { |f| assert_equal [4, @grid, 5], [f.info[:generation], f["chunked"].to_a, f.size] }
    # A block that raises commits nothing.
    assert_raises(RuntimeError) { Tensorfile.edit(path) { |w| w.remove("plain") && raise("no") } }
    Tensorfile.open(path) { |f| assert_equal [4, 5], [f.info[:generation], f.size] }
    assert_raises(RuntimeError) { Tensorfile.create(path("never")) { raise "no" } }
    refute File.exist?(path("never"))
    old.close
  end

  def test_create
    time = Time.utc(2024, 2, 29, 12, 30, 15.5r)
    two = Array.new(2) do
      Tensorfile.create(path, overwrite: true, deterministic: true, time: time, no_sync: true) { |w| w.write "a", [1, 2, 3] }
      File.binread(path)
    end
    assert_equal two[0], two[1]
    Tensorfile.open(path) do |f|
      i = f.info
      assert_equal ["tensorfile", time, 1, 1, false, two[0].bytesize], i.values_at(:format, :time, :generation, :tensors, :read_only, :size)
      assert_equal 36, i[:uuid].size
    end
    assert_raises(Tensorfile::AlreadyExists) { Tensorfile.create(path) { |w| w.write "a", [1] } }
    w = Tensorfile.create(path("c.tensor"))
    assert_raises(Tensorfile::Duplicate) { w.write("a", [1]).write("a", [2]) }
    w.commit
    assert w.committed?
    w.close
    assert w.closed?
    w.close
    assert_raises(Tensorfile::Closed) { w.write "b", [1] }
  end

  def test_tied
    Tensorfile.create(path) do |w|
      s = w.write_storage((0...12).to_a.pack("s*"))
      w.write_on s, "w", dtype: "i16", shape: [3, 4]
      w.write_on s, "w.T", dtype: "i16", shape: [4, 3], strides: [2, 8], dims: %w[c r]
      w.write_on s, "tail", dtype: "i16", shape: [2], offset: 20
    end
    Tensorfile.open(path) do |f|
      a, b, c = f["w"], f["w.T"], f["tail"]
      assert_equal a.to_a.transpose, b.to_a
      assert_equal [10, 11], c.to_a
      assert_equal [a.info[:storage]] * 2, [b, c].map { |t| t.info[:storage] }
      assert_equal %w[c r], b.dims
      assert_equal 24, f.list.sum { |d| d[:name] == "w" ? d[:stored] : 0 }
    end
  end

  def test_composites
    Tensorfile.create(path) do |w|
      w.write_composite "csr", layout: :csr, dtype: "f64", shape: [3, 4], flags: %i[sorted unique], dims: %w[user item],
                               parts: { "indptr" => [0, 1, 1, 3], "indices" => [1, 0, 3], "values" => [5.0, 7.0, -2.0] }
      w.write_strings "words", ["", "Größe", "ab"], codec: "zstd"
      w.write_composite "ragged", layout: :ragged, dtype: "i16", shape: [3, 3],
                                  parts: { "offsets" => [0, 2, 2, 5], "values" => Tensorfile::Packed.new("i16", [5], nil, [-7, 300, 4, 9, 12_345].pack("s*")) }
      q = { "values" => Tensorfile::Packed.of([[1, -2, 30, 4], [-5, 6, 7, -128]], dtype: "i8"),
            "scales" => Tensorfile::Packed.of([[0.5, 2], [0.25, 8]], dtype: "f32"), "group" => Tensorfile::Packed.of([1, 2], dtype: "u32") }
      w.write_composite "q", layout: :quantised, dtype: "f32", shape: [2, 4], parts: q
      e = assert_raises(Tensorfile::Corrupt) do
        w.write_composite "bad", layout: :csr, dtype: "f64", shape: [3, 4], flags: %i[sorted unique],
                                 parts: { "indptr" => [0, 1, 1, 3], "indices" => [1, 3, 0], "values" => [5.0, 7.0, -2.0] }
      end
      assert_equal "composite.index", e.rule
      assert_raises(ArgumentError) { w.write_composite "bad", layout: :none, shape: [], parts: {} }
    end
    Tensorfile.edit(path) { |w| w.append_strings "words", ["日本"] }
    Tensorfile.open(path) do |f|
      t = f["csr"]
      assert_equal [:csr, 3, %w[user item], false], [t.layout, t.info[:flags], t.dims, t.dense?]
      assert_equal({ "indptr" => [0, 1, 1, 3], "indices" => [1, 0, 3], "values" => [5.0, 7.0, -2.0] }, t.parts.transform_values(&:to_a))
      assert_raises(Tensorfile::Encoded) { t.read }
      assert_raises(Tensorfile::Unsupported) { t.to_a }
      assert_raises(Tensorfile::NotFound) { t.part("mask") }
      assert_equal ["", "Größe", "ab", "日本"], f["words"].to_a
      assert_equal [[-7, 300], [], [4, 9, 12_345]], f["ragged"].to_a
      assert_equal [[0.5, -1, 60, 8], [-1.25, 1.5, 56, -1024]], f["q"].dequantise.to_a
      assert_equal [-1024, 56], f["q"].dequantise(1, 3.step(2, -1), dtype: "f64").to_a
    end
    Tensorfile.open(path) do |f|
      Tensorfile.create(path("copy.tensor")) do |w|
        w.write_from f["csr"], "m"
        w.write_from f["words"], codec: "lz4"
      end
      Tensorfile.open(path("copy.tensor")) { |g| assert_equal [f["csr"].content_hash, f["words"].to_a], [g["m"].content_hash, g["words"].to_a] }
    end
  end

  def test_errors
    e = assert_raises(Tensorfile::NotFound) { Tensorfile.open(path("none")) }
    assert_equal [:not_found, nil, nil, false], [e.kind, e.offset, e.rule, e.commit_unknown?]
    assert_kind_of Tensorfile::Error, e
    assert_match(/none/, e.message)
    e = assert_raises(Tensorfile::Malformed) { Tensorfile.open_memory("no tensors in here") }
    assert_equal :malformed, e.kind
    assert_raises(Tensorfile::Unsupported) { Tensorfile.open_url("ftp://host/x") }
    assert_raises(ArgumentError) { Tensorfile.open(path, mapped: true) }
    sample
    assert_raises(ArgumentError) { Tensorfile.open(path) { |f| f["a\0b"] } }
    bytes = File.binread(path)
    offset = Tensorfile.open(path) { |f| f["plain"].info[:offset] }
    bytes.setbyte(offset + 5, bytes.getbyte(offset + 5) ^ 1)
    Tensorfile.open_memory(bytes) do |f|
      report = f.verify
      assert_equal ["damaged", ["storage.crc"]], [report["status"], report["findings"].map { |x| x["rule"] }]
      assert_equal "ok", f.verify(quick: true)["status"]
    end
    Tensorfile.open_memory(bytes, verify: true) do |f|
      e = assert_raises(Tensorfile::Corrupt) { f["plain"].read }
      assert_equal "storage.crc", e.rule
      assert_operator e.offset, :>=, offset
    end
    # A file that is cut short under its mapping.
    big = grid(1000, 300)
    Tensorfile.create(path("cut.tensor")) { |w| w.write "x", big, dtype: "u32" }
    Tensorfile.open(path("cut.tensor")) do |f|
      t = f["x"]
      File.truncate(path("cut.tensor"), 16_384)
      assert_raises(Tensorfile::Changed) { t.read }
      assert_raises(Tensorfile::Changed) { f.check }
    end
  end

  # The child of a fork may not call the library; the parent goes on.
  def test_fork
    sample
    Tensorfile.open(path) do |f|
      t = f["plain"]
      read, write = IO.pipe
      child = fork do
        read.close
        said = [-> { t.read }, -> { Tensorfile.open(path) }, -> { f.names }].map do |call|
          call.call
          "nothing"
        rescue Tensorfile::Forked => e
          e.kind.to_s
        end
        write << said.join(" ")
        write.close
        exit!(0)
      end
      write.close
      assert_equal "forked forked forked", read.read
      Process.wait(child)
      assert_equal floats(@grid), t.read.to_a
    end
  end

  def test_threads
    sample
    Tensorfile.open(path) do |f|
      wrong = Array.new(8) do |n|
        Thread.new do
          Array.new(50) { |i| f["chunked"].read([(n * 7 + i) % ROWS]).to_a == [@grid[(n * 7 + i) % ROWS]] }.count(false)
        end
      end.sum(&:value)
      assert_equal 0, wrong
    end
  end

  # What nobody closes is given back by the collector, in any order.
  def test_garbage
    sample
    500.times do
      f = Tensorfile.open(path)
      f["plain"].read(0)
      f["chunked"].info
      Tensorfile.open_memory(File.binread(path))["plain"].read(1)
    end
    GC.start
    open = Dir.children("/proc/self/fd").count { |fd| (File.readlink("/proc/self/fd/#{fd}") rescue "") == path } # rubocop:disable Style/RescueModifier
    assert_operator open, :<, 250
  end

  # A server in a thread of this process: it answers while the call waits for it.
  def test_url
    sample
    bytes = File.binread(path)
    server = TCPServer.new("127.0.0.1", 0)
    answered = 0
    thread = Thread.new do
      loop do
        Thread.new(server.accept) do |socket|
          while (request = socket.gets)
            range = nil
            while (line = socket.gets) && line != "\r\n"
              range = line[/bytes=(.*)/i, 1]&.strip if line.match?(/\Arange:/i)
            end
            answered += 1
            socket << answer(request, range, bytes)
          end
        rescue SystemCallError, IOError
          nil # the client is gone
        end
      end
    end
    address = "http://127.0.0.1:#{server.addr[1]}"
    Tensorfile.open_url("#{address}/a.tensor") do |f|
      assert_equal @grid, f["chunked"].to_a
      assert_equal floats(@grid), f["plain"].to_a
      refute f.info[:mapped]
    end
    assert_operator answered, :>, 0
    e = assert_raises(Tensorfile::Error) { Tensorfile.open_url("http://user:secret@127.0.0.1:#{server.addr[1]}/none") }
    assert_match(/404/, e.message)
    refute_match(/secret/, e.message)
  ensure
    thread&.kill
    server&.close
  end

  def answer(request, range, bytes)
    return "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n" unless request.include?("/a.tensor")

    first, last = range.to_s.split("-", 2)
    first, last = first.to_s.empty? ? [[bytes.bytesize - last.to_i, 0].max, bytes.bytesize - 1] : [first.to_i, last.to_s.empty? ? bytes.bytesize - 1 : [last.to_i, bytes.bytesize - 1].min]
    body = bytes.byteslice(first..last)
    "HTTP/1.1 206 Partial Content\r\nETag: \"a\"\r\nContent-Range: bytes #{first}-#{last}/#{bytes.bytesize}\r\nContent-Length: #{body.bytesize}\r\n\r\n".b + body
  end

  # Blocks of ggml: q8_0 is a scale, a half, and 32 bytes.
  def test_blocks
    numbers = Array.new(64) { |i| mix(i) % 256 - 128 }
    blocks = numbers.each_slice(32).zip([0x3800, 0xc400]).map { |list, scale| [scale, *list].pack("Sc*") }.join # 0.5 and -4
    Tensorfile.create(path) { |w| w.write "q", blocks, dtype: "q8_0", shape: [1, 64] }
    Tensorfile.open(path) do |f|
      assert_equal [numbers.each_with_index.map { |x, i| x * (i < 32 ? 0.5 : -4.0) }], f["q"].dequantise.to_a
      assert_equal blocks, f["q"].read.bytes
    end
  end

  def test_other_formats
    Tensorfile.open(File.join(TESTDATA, "tour", "model.npz")) do |f|
      assert_equal "npz", f.info[:format]
      assert_operator f.size, :>, 0
      f.each { |t| assert_equal t.nbytes, t.read_packed.bytes.bytesize }
      assert_raises(Tensorfile::Unsupported) { f.generations }
    end
    assert_includes Tensorfile.formats, "safetensors"
    assert_equal Tensorfile::VERSION, Tensorfile.library_version
  end
end
