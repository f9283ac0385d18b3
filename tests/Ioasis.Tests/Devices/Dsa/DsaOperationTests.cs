using Ioasis.Devices.Dsa;

namespace Ioasis.Tests.Devices.Dsa;

/// <summary>
/// Each operation against an obvious implementation, on memory of random content, at random places that may overlap.
/// </summary>
public sealed class DsaOperationTests : IDisposable
{
    private const int Area = DsaBench.Size - 0x1000;
    private readonly DsaBench _bench = new DsaBench().Started();
    private readonly Random _random = new(7);

    public void Dispose() => _bench.Dispose();

    [Fact]
    public void MemmoveIsAMoveWhateverOverlaps()
    {
        for (int round = 0; round < 60; round++)
        {
            byte[] model = Randomize();
            int length = Length(), source = _random.Next(Area - length),
                target = round % 2 == 0 ? Near(source, length) : _random.Next(Area - length);
            DsaCompletionRecord record = _bench.Run(_bench.New(DsaOpcode.Memmove) with
            {
                SrcAddr = At(source),
                DstAddr = At(target),
                XferSize = (uint)length
            });
            model.AsSpan(source, length).CopyTo(model.AsSpan(target));
            Assert.Equal((byte)DsaStatus.Success, record.Status);
            Assert.Equal(target > source && target < source + length ? 1 : 0, record.Result);
            MustBe(model);
        }
    }

    [Fact]
    public void MemfillRepeatsThePatternFromItsFirstByte()
    {
        for (int round = 0; round < 30; round++)
        {
            byte[] model = Randomize();
            int length = Length(), target = _random.Next(Area - length);
            ulong pattern = (ulong)_random.NextInt64();
            DsaCompletionRecord record = _bench.Run(_bench.New(DsaOpcode.Memfill) with
            {
                Pattern = pattern,
                DstAddr = At(target),
                XferSize = (uint)length
            });
            for (int i = 0; i < length; i++) model[target + i] = (byte)(pattern >> (i % 8 * 8));
            Assert.Equal((byte)DsaStatus.Success, record.Status);
            MustBe(model);
        }
    }

    [Fact]
    public void CompareTellsTheFirstDifference()
    {
        for (int round = 0; round < 30; round++)
        {
            byte[] model = Randomize();
            int length = Math.Min(Length(), Area / 3), first = _random.Next(Area / 3 - length + 1),
                second = (Area / 2) + _random.Next(Area / 3 - length + 1);
            _bench.Memory.CopyFrom((ulong)second, model.AsSpan(first, length));
            int different = round % 2 == 0 ? -1 : _random.Next(length);
            if (different >= 0) _bench.Memory.Write((ulong)(second + different), (byte)~model[first + different]);
            DsaFlags flags = round % 3 == 0 ? DsaFlags.CheckResult : DsaFlags.None;
            DsaCompletionRecord record = _bench.Run(_bench.New(DsaOpcode.Compare,
                    flags: flags) with
            { SrcAddr = At(first), Src2Addr = At(second), XferSize = (uint)length });
            // 0 was expected
            Assert.Equal((byte)(flags != 0 && different >= 0 ? DsaStatus.SuccessPred : DsaStatus.Success),
                record.Status);
            Assert.Equal((different >= 0 ? 1 : 0, (uint)Math.Max(different, 0)),
                (record.Result, record.BytesCompleted));
        }
    }

    [Fact]
    public void CompvalComparesWithAPattern()
    {
        const ulong Pattern = 0x0807060504030201;
        _bench.Run(_bench.New(DsaOpcode.Memfill) with { Pattern = Pattern, DstAddr = At(0), XferSize = 100_000 });
        DsaDescriptor compare = _bench.New(DsaOpcode.Compval) with
        {
            SrcAddr = At(0),
            CompPattern = Pattern,
            XferSize = 99_999
        };
        DsaCompletionRecord record = _bench.Run(compare);
        Assert.Equal(((byte)DsaStatus.Success, 0), (record.Status, record.Result));
        _bench.Memory.Write(77_777, (byte)0);
        _bench.New(DsaOpcode.Compval);
        record = _bench.Run(compare);
        Assert.Equal((1, 77_777u), (record.Result, record.BytesCompleted));
    }

    [Fact]
    public void DualcastWritesBothAndRefusesWhatHardwareDoes()
    {
        byte[] model = Randomize();
        DsaDescriptor dualcast = _bench.New(DsaOpcode.Dualcast) with
        {
            SrcAddr = At(0x11),
            DstAddr = At(0x10123),
            Dest2 = At(0x20123),
            XferSize = 70_000 / 2
        };
        Assert.Equal((byte)DsaStatus.Success, _bench.Run(dualcast).Status);
        model.AsSpan(0x11, 35_000).CopyTo(model.AsSpan(0x10123));
        model.AsSpan(0x11, 35_000).CopyTo(model.AsSpan(0x20123));
        MustBe(model);
        _bench.New(DsaOpcode.Dualcast);
        Assert.Equal((byte)DsaStatus.DcastErr, _bench.Run(dualcast with { Dest2 = At(0x20124) }).Status);
        _bench.New(DsaOpcode.Dualcast);
        Assert.Equal((byte)DsaStatus.OverlapBuffers, _bench.Run(dualcast with { Dest2 = At(0x11123) }).Status);
        MustBe(model);
    }

    [Fact]
    public void CrcgenIsCrc32C()
    {
        _bench.Memory.CopyFrom(0, "123456789"u8);
        DsaDescriptor crc = _bench.New(DsaOpcode.Crcgen) with { SrcAddr = At(0), XferSize = 9 };
        Assert.Equal(0xe3069283ul, _bench.Run(crc).CrcVal); // the check value of CRC-32C
        for (int round = 0; round < 10; round++)
        {
            byte[] model = Randomize();
            int length = Length(), cut = _random.Next(1, length);
            _bench.New(DsaOpcode.Crcgen);
            uint first = (uint)_bench.Run(crc with { XferSize = (uint)cut }).CrcVal;
            _bench.New(DsaOpcode.Crcgen);
            ulong whole = _bench.Run(
                crc with { SrcAddr = At(cut), XferSize = (uint)(length - cut), CrcSeed = first }).CrcVal;
            Assert.Equal(BitByBit(model.AsSpan(0, length)), whole);
        }
    }

    private static uint BitByBit(ReadOnlySpan<byte> bytes)
    {
        uint sum = ~0u;
        foreach (byte value in bytes)
        {
            sum ^= value;
            for (int bit = 0; bit < 8; bit++) sum = (sum & 1) != 0 ? (sum >> 1) ^ 0x82f63b78 : sum >> 1;
        }

        return ~sum;
    }

    private static ulong At(int offset) => DsaBench.Base + (uint)offset;

    private int Length() => _random.Next(3) switch
    {
        0 => _random.Next(2, 64),
        1 => _random.Next(2, 9000),
        _ => _random.Next(60_000, 150_000)
    };

    private int Near(int place, int length) => Math.Clamp(place + _random.Next(-length, length), 0, Area - length);

    private byte[] Randomize()
    {
        byte[] bytes = new byte[Area];
        _random.NextBytes(bytes);
        _bench.Memory.CopyFrom(0, bytes);
        return bytes;
    }

    private void MustBe(byte[] model) => Assert.True(_bench.Bytes(DsaBench.Base, Area).AsSpan().SequenceEqual(model),
        "Memory is not what the operation makes of it.");
}
