using System.Buffers.Binary;
using System.Text;
using Ioasis.Devices.Virtio;
using Ioasis.Devices.Virtio.Blk;
using static Ioasis.Devices.Virtio.VirtioFeatures;

namespace Ioasis.Tests.Devices.Virtio;

public sealed class VirtioBlkTests
{
    private const ulong Header = VirtioBench.Data, Status = VirtioBench.Data + 0x100, Bytes = VirtioBench.Data + 0x1000;
    private const byte Ok = 0, IoError = 1, Unsupported = 2;
    private const ulong Full = Version1 | BlkFeatures.Flush | BlkFeatures.Discard | BlkFeatures.WriteZeroes;
    private const long Size = 4 << 20;

    public static TheoryData<ulong> Formats => [Full, Full | PackedRing | EventIndex];

    [Theory]
    [MemberData(nameof(Formats))]
    public void WhatIsWrittenIsReadBackAndTheRestIsZero(ulong features)
    {
        using var disk = new Disk(new VirtioBlkOptions { Size = Size }, features);
        byte[] data = Random(3 * 512);
        disk.Bench.Put(Bytes, data);
        Assert.Equal((Ok, 1u), disk.Do(1, 100, new Part(Bytes, 1000, false), new Part(Bytes + 1000, 536, false)));
        Assert.Equal((Ok, 2049u), disk.Do(0, 99, new Part(Bytes + 0x1000, 2048, true)));
        Assert.Equal([.. new byte[512], .. data], disk.Bench.Bytes(Bytes + 0x1000, 2048));
    }

    [Fact]
    public void ARequestOfAMebibyteGoesInOneSegment()
    {
        using var disk = new Disk(new VirtioBlkOptions { Size = Size });
        byte[] data = Random(1 << 20);
        disk.Bench.Put(Bytes, data);
        Assert.Equal((Ok, 1u), disk.Do(1, 2048, new Part(Bytes, 1 << 20, false)));
        disk.Bench.Put(Bytes, new byte[1 << 20]);
        Assert.Equal((Ok, (1u << 20) + 1), disk.Do(0, 2048, new Part(Bytes, 1 << 20, true)));
        Assert.Equal(data, disk.Bench.Bytes(Bytes, 1 << 20));
    }

    [Theory]
    [InlineData(0u)]
    [InlineData(1u)]
    public void SectorsBeyondTheEndAndPartsOfSectorsAreErrors(uint operation)
    {
        using var disk = new Disk(new VirtioBlkOptions { Size = Size });
        bool isWritable = operation == 0;
        const ulong end = Size / 512;
        Assert.Equal(Ok, disk.Do(operation, end - 1, new Part(Bytes, 512, isWritable)).Status);
        Assert.Equal((IoError, 1u), disk.Do(operation, end - 1, new Part(Bytes, 1024, isWritable)));
        Assert.Equal((IoError, 1u), disk.Do(operation, end, new Part(Bytes, 512, isWritable)));
        Assert.Equal((IoError, 1u), disk.Do(operation, ulong.MaxValue, new Part(Bytes, 512, isWritable)));
        Assert.Equal((IoError, 1u), disk.Do(operation, 0, new Part(Bytes, 511, isWritable)));
    }

    [Fact]
    public void DataOutsideOfMemoryIsAnError()
    {
        using var disk = new Disk(new VirtioBlkOptions { Size = Size });
        Assert.Equal((IoError, 1u), disk.Do(0, 0, new Part(VirtioBench.Nowhere, 512, true)));
        Assert.Equal((IoError, 1u), disk.Do(1, 0, new Part(VirtioBench.Nowhere, 512, false)));
        Assert.Equal(2, disk.Bench.Faults);
        Assert.False(disk.Bench.Slot.HasFailed);
    }

    [Fact]
    public void AReadOnlyDeviceRefusesWrites()
    {
        using var disk = new Disk(new VirtioBlkOptions { Size = Size, ReadOnly = true });
        Assert.NotEqual(0UL, disk.Bench.Slot.DeviceFeatures & BlkFeatures.ReadOnly);
        Assert.Equal(IoError, disk.Do(1, 0, new Part(Bytes, 512, false)).Status);
        disk.PutRange(Bytes, 0, 1, 0);
        Assert.Equal(IoError, disk.Do(11, 0, new Part(Bytes, 16, false)).Status);
        Assert.Equal(IoError, disk.Do(13, 0, new Part(Bytes, 16, false)).Status);
        Assert.Equal(Ok, disk.Do(0, 0, new Part(Bytes, 512, true)).Status);
        Assert.Equal(0UL, new VirtioBlkDevice().Function.Features & BlkFeatures.ReadOnly);
    }

    [Fact]
    public void RangesAreZeroedAndDiscarded()
    {
        using var disk = new Disk(new VirtioBlkOptions { Size = Size });
        foreach (uint operation in (uint[])[11, 13])
        {
            disk.Bench.Put(Bytes, Random(2048));
            disk.Do(1, 0, new Part(Bytes, 2048, false));
            disk.PutRange(Bytes + 0x1000, 0, 1, 0);
            disk.PutRange(Bytes + 0x1010, 2, 1, operation == 13 ? 1u : 0);
            Assert.Equal((Ok, 1u), disk.Do(operation, 0, new Part(Bytes + 0x1000, 32, false)));
            disk.Do(0, 0, new Part(Bytes + 0x2000, 2048, true));
            byte[] expected = disk.Bench.Bytes(Bytes, 2048);
            expected.AsSpan(0, 512).Clear();
            expected.AsSpan(1024, 512).Clear();
            Assert.Equal(expected, disk.Bench.Bytes(Bytes + 0x2000, 2048));
        }
    }

    [Fact]
    public void BadRangesChangeNothing()
    {
        using var disk = new Disk(new VirtioBlkOptions { Size = Size });
        disk.Bench.Put(Bytes, Random(512));
        disk.Do(1, 0, new Part(Bytes, 512, false));
        byte Try(uint operation, ulong sector, uint sectors, uint flags, uint length = 32)
        {
            disk.PutRange(Bytes + 0x1000, 0, 1, 0);
            disk.PutRange(Bytes + 0x1010, sector, sectors, flags);
            return disk.Do(operation, 0, new Part(Bytes + 0x1000, length, false)).Status;
        }

        Assert.Equal(IoError, Try(13, Size / 512, 1, 0));
        Assert.Equal(IoError, Try(13, ulong.MaxValue, 1, 0));
        Assert.Equal(IoError, Try(13, 1, BlkConfig.MostRangeSectors + 1, 0));
        Assert.Equal(IoError, Try(13, 1, 1, 0, length: 24));
        Assert.Equal(Unsupported, Try(13, 1, 1, 2));
        Assert.Equal(Unsupported, Try(11, 1, 1, 1));
        disk.Do(0, 0, new Part(Bytes + 0x2000, 512, true));
        Assert.Equal(disk.Bench.Bytes(Bytes, 512), disk.Bench.Bytes(Bytes + 0x2000, 512));
    }

    [Fact]
    public void OperationsThatWereNotNegotiatedOrDoNotExistAreUnsupported()
    {
        using var disk = new Disk(new VirtioBlkOptions { Size = Size }, Version1);
        disk.PutRange(Bytes, 0, 1, 0);
        Assert.Equal((Unsupported, 1u), disk.Do(11, 0, new Part(Bytes, 16, false)));
        Assert.Equal((Unsupported, 1u), disk.Do(13, 0, new Part(Bytes, 16, false)));
        Assert.Equal((Unsupported, 1u), disk.Do(99, 0));
        Assert.Equal((Ok, 1u), disk.Do(4, 0));
        Assert.Equal((IoError, 1u), disk.Do(4, 1));
    }

    [Fact]
    public void ItSaysItsSerialNumber()
    {
        using var disk = new Disk(new VirtioBlkOptions { Size = Size, Serial = "number 1" });
        disk.Bench.Put(Bytes, Random(20));
        Assert.Equal((Ok, 21u), disk.Do(8, 0, new Part(Bytes, 20, true)));
        Assert.Equal("number 1", Encoding.ASCII.GetString(disk.Bench.Bytes(Bytes, 20)).TrimEnd('\0'));
    }

    [Theory]
    [InlineData(8u, 1u)]
    [InlineData(16u, 0u)]
    public void ARequestWithoutHeaderOrStatusBreaksTheDevice(uint header, uint status)
    {
        using var disk = new Disk(new VirtioBlkOptions { Size = Size });
        disk.Ring.Add(status == 0
            ? [new Part(Header, header, false)]
            : [new Part(Header, header, false), new Part(Status, status, true)]);
        disk.Bench.Slot.Kick(0);
        Until.True(() => disk.Bench.Slot.HasFailed);
    }

    [Fact]
    public void QueuesWorkAtOnceAndTheConfigurationSaysHowMany()
    {
        using var disk = new Disk(new VirtioBlkOptions { Size = Size, Queues = 4, QueueSize = 128 });
        byte[] config = new byte[BlkConfig.Size];
        disk.Bench.Slot.ReadConfig(0, config);
        Assert.Equal((ulong)Size / 512, BinaryPrimitives.ReadUInt64LittleEndian(config));
        Assert.Equal(126u, BinaryPrimitives.ReadUInt32LittleEndian(config.AsSpan(12)));
        Assert.Equal(512u, BinaryPrimitives.ReadUInt32LittleEndian(config.AsSpan(20)));
        Assert.Equal(4, BinaryPrimitives.ReadUInt16LittleEndian(config.AsSpan(34)));
        byte[] part = new byte[4];
        disk.Bench.Slot.ReadConfig(20, part);
        Assert.Equal(config[20..24], part);
        for (int queue = 0; queue < 4; queue++)
            Assert.Equal(Ok, disk.Do(queue, 0, 0, new Part(Bytes, 512, true)).Status);
    }

    [Fact]
    public void AFileKeepsWhatIsWritten()
    {
        string path = Path.Combine(Path.GetTempPath(), $"ioasis-blk-{Guid.NewGuid():N}");
        try
        {
            byte[] data = Random(512);
            using (var disk = new Disk(new VirtioBlkOptions { File = path, Size = Size }))
            {
                disk.Bench.Put(Bytes, data);
                Assert.Equal(Ok, disk.Do(1, 8191, new Part(Bytes, 512, false)).Status);
                Assert.Equal(Ok, disk.Do(4, 0).Status);
            }

            Assert.Equal(data, File.ReadAllBytes(path)[^512..]);
            File.SetAttributes(path, FileAttributes.ReadOnly);
            using (var disk = new Disk(new VirtioBlkOptions { File = path, ReadOnly = true }))
            {
                Assert.Equal(Ok, disk.Do(0, 8191, new Part(Bytes + 0x1000, 512, true)).Status);
                Assert.Equal(data, disk.Bench.Bytes(Bytes + 0x1000, 512));
            }
        }
        finally
        {
            File.SetAttributes(path, FileAttributes.Normal);
            File.Delete(path);
        }
    }

    [Fact]
    public void OptionsThatCannotBeAreRefused()
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => new VirtioBlkDevice(new VirtioBlkOptions { Queues = 17 }));
        Assert.Throws<ArgumentOutOfRangeException>(() => new VirtioBlkDevice(new VirtioBlkOptions { QueueSize = 100 }));
        var missing = new VirtioBlkDevice(new VirtioBlkOptions { File = "/nowhere/at/all" });
        Assert.Contains("/nowhere/at/all", Assert.Throws<ArgumentException>(() => new VirtioBench(missing)).Message,
            StringComparison.Ordinal);
    }

    private static byte[] Random(int count)
    {
        byte[] bytes = new byte[count];
        new Random(count).NextBytes(bytes);
        return bytes;
    }

    /// <summary>A device that was started, with its driver.</summary>
    private sealed class Disk : IDisposable
    {
        private readonly DriverRing[] _rings;

        internal Disk(VirtioBlkOptions options, ulong features = Full)
        {
            Bench = new VirtioBench(new VirtioBlkDevice(options));
            _rings = Bench.Start(features);
        }

        internal VirtioBench Bench { get; }

        internal DriverRing Ring => _rings[0];

        public void Dispose() => Bench.Dispose();

        internal (byte Status, uint Written) Do(uint operation, ulong sector, params Part[] data) =>
            Do(0, operation, sector, data);

        internal (byte Status, uint Written) Do(int queue, uint operation, ulong sector, params Part[] data)
        {
            Bench.Memory.Write(Header - VirtioBench.Base, (ulong)operation);
            Bench.Memory.Write(Header - VirtioBench.Base + 8, sector);
            Bench.Memory.Write(Status - VirtioBench.Base, (byte)0xee);
            int? token = _rings[queue].Add([new Part(Header, 16, false), .. data, new Part(Status, 1, true)]);
            Bench.Slot.Kick(queue);
            (int done, uint written) = _rings[queue].Await();
            Assert.Equal(token, done);
            return (Bench.Memory.Read<byte>(Status - VirtioBench.Base), written);
        }

        internal void PutRange(ulong at, ulong sector, uint sectors, uint flags)
        {
            Bench.Memory.Write(at - VirtioBench.Base, sector);
            Bench.Memory.Write(at - VirtioBench.Base + 8, sectors | ((ulong)flags << 32));
        }
    }
}
