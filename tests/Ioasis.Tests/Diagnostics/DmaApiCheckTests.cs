using System.Globalization;
using System.Runtime.InteropServices;
using Ioasis.Core;
using Ioasis.Core.DmaApi;
using Ioasis.Diagnostics.Check;
using Ioasis.Memory;
using Ioasis.Tests.DmaApi;

namespace Ioasis.Tests.Diagnostics;

/// <summary>Each mistake of a driver is reported by its kind, and the same driver without it is not.</summary>
public sealed class DmaApiCheckTests
{
    private const ulong Page = 4096;

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void AStringThatTheDeviceWrites(bool isMistake) => Check(isMistake, "dma-api-constant-memory", bench =>
    {
        Memory<char> text = isMistake ? MemoryMarshal.AsMemory("never changes".AsMemory()) : new char[13];
        using DmaMapping mapping = Map(bench, text, DmaDirection.FromDevice);
    });

    [Fact]
    public void AStringThatTheDeviceReadsIsRight() => Check(false, "", bench =>
    {
        using DmaMapping mapping = Map(bench, MemoryMarshal.AsMemory("read".AsMemory()), DmaDirection.ToDevice);
    });

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void APieceThatIsTooLong(bool isMistake) => Check(isMistake, "dma-api-segment-too-long", bench =>
    {
        bench.Device.MaxSegmentSize = isMistake ? 512u : 1024u;
        using DmaMemory memory = bench.Domain.AllocateMemory(Page);
        IommuStatus status =
            bench.Device.MapScatter([new(memory, 0, 1024)], DmaDirection.ToDevice, out DmaScatterMapping? mapping);
        Assert.Equal(isMistake ? IommuStatus.Invalid : IommuStatus.Ok, status);
        mapping?.Dispose();
    });

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void ASegmentAcrossABoundary(bool wrong) => Check(wrong, "dma-api-segment-across-boundary", bench =>
    {
        bench.Device.SegmentBoundary = wrong ? 511 : Page - 1;
        using DmaMemory memory = bench.Domain.AllocateMemory(Page);
        Assert.Equal(IommuStatus.Ok, bench.Device.MapScatter(
            [new(memory, 0, 1024)], DmaDirection.ToDevice, out DmaScatterMapping? mapping));
        mapping!.Dispose();
    });

    [Theory]
    [InlineData(true, DmaDirection.FromDevice, 32)]
    [InlineData(true, DmaDirection.Bidirectional, 32)]
    [InlineData(false, DmaDirection.ToDevice, 32)]
    [InlineData(false, DmaDirection.FromDevice, 64)]
    public void TwoBuffersInOneCacheLine(bool isMistake, DmaDirection direction, int distance) =>
        Check(isMistake, "dma-api-overlapping", bench =>
        {
            using DmaMemory memory = bench.Domain.AllocateMemory(Page);
            Assert.Equal(IommuStatus.Ok, bench.Device.Map(memory, 0, 32, direction, out DmaMapping one));
            Assert.Equal(
                IommuStatus.Ok, bench.Device.Map(memory, (ulong)distance, 32, direction, out DmaMapping other));
            one.Dispose();
            other.Dispose();
        });

    [Fact]
    public void ABufferThatIsUnmappedTwice() => Check(true, "dma-api-unmap-twice", bench =>
    {
        DmaMapping mapping = Map(bench, new byte[8].AsMemory(), DmaDirection.ToDevice);
        mapping.Dispose();
        Assert.Throws<InvalidOperationException>(mapping.Dispose);
    });

    [Fact]
    public void AListThatIsUnmappedTwice() => Check(true, "dma-api-unmap-twice", bench =>
    {
        using DmaMemory memory = bench.Domain.AllocateMemory(Page);
        Assert.Equal(IommuStatus.Ok, bench.Device.MapScatter(
            [new(memory, 0, 1024)], DmaDirection.ToDevice, out DmaScatterMapping? mapping));
        mapping!.Dispose();
        Assert.Throws<InvalidOperationException>(mapping.Dispose);
    });

    [Fact]
    public void ABufferThatIsSynchronizedAfterItsUnmap() => Check(true, "dma-api-not-mapped", bench =>
    {
        DmaMapping mapping = Map(bench, new byte[8].AsMemory(), DmaDirection.FromDevice);
        mapping.Dispose();
        Assert.Throws<InvalidOperationException>(mapping.SyncForCpu);
    });

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void ASyncBeyondTheEnd(bool isMistake) => Check(isMistake, "dma-api-sync-outside", bench =>
    {
        using DmaMapping mapping = Map(bench, new byte[8].AsMemory(), DmaDirection.FromDevice);
        if (isMistake) Assert.Throws<ArgumentOutOfRangeException>(() => mapping.SyncForCpu(4, 5));
        else mapping.SyncForCpu(4, 4);
    });

    [Fact]
    public void WhatIsLeft()
    {
        string[] lines = Check(true, "dma-api-pending", bench =>
        {
            Map(bench, new byte[8].AsMemory(), DmaDirection.FromDevice);
            Assert.Equal(IommuStatus.Ok, bench.Device.AllocateCoherent(Page, out _));
            Assert.Throws<InvalidOperationException>(bench.Device.Dispose);
        });
        Assert.Contains("test: device driver has pending DMA allocations while released from device [count=2]",
            lines[1], StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void ADeviceThatIsLate(bool isMistake) => Check(isMistake, "dma-api-late-access", bench =>
    {
        DmaMapping mapping = Map(bench, new byte[8].AsMemory(), DmaDirection.FromDevice);
        Iova at = mapping.Address;
        Assert.True(bench.Write(at, 1));
        mapping.Dispose();
        if (isMistake) Assert.True(bench.Write(at, 2));
        Map(bench, new byte[8].AsMemory(), DmaDirection.FromDevice).Dispose();
    }, lazy: true);

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void ADeviceThatWritesBeside(bool isMistake) => Check(isMistake, "dma-api-outside-write", bench =>
    {
        using DmaMapping mapping = Map(bench, new byte[8].AsMemory(), DmaDirection.FromDevice);
        Assert.True(bench.Write(mapping.Address + (isMistake ? 8u : 7u), 1));
    }, identity: true);

    [Theory]
    [InlineData(true, DmaDirection.ToDevice, false)]
    [InlineData(true, DmaDirection.FromDevice, true)]
    [InlineData(false, DmaDirection.ToDevice, false)]
    [InlineData(false, DmaDirection.Bidirectional, true)]
    public void ADriverThatWritesWhatTheDeviceOwns(bool isMistake, DmaDirection direction, bool bounces)
    {
        string[] lines = Check(isMistake, "dma-api-cpu-write", bench =>
        {
            var bytes = new byte[8];
            using DmaMapping mapping = Map(bench, bytes.AsMemory(), direction);
            if (!isMistake) mapping.SyncForCpu();
            bytes[3] = 1;
            if (!isMistake) mapping.SyncForDevice();
        }, bounces: bounces);
        if (isMistake) Assert.Contains("the driver wrote byte 3 of ", lines[1], StringComparison.Ordinal);
    }

    [Fact]
    public void TheStackAndTheSummaryNameTheDriversLine()
    {
        string[] lines = Check(true, "dma-api-cpu-write", bench =>
        {
            var bytes = new byte[8];
            using DmaMapping mapping = Map(bench, bytes.AsMemory(), DmaDirection.ToDevice);
            bytes[0] = 1;
        });
        Assert.Contains(lines, l => l.StartsWith("mapped (", StringComparison.Ordinal) && l.EndsWith(':'));
        Assert.Contains(lines, l => l.Contains($"in {typeof(DmaApiCheckTests).FullName}.Map ", StringComparison.Ordinal)
            && l.Contains("DmaApiCheckTests.cs:", StringComparison.Ordinal));
        Assert.Matches(@"^SUMMARY: Ioasis: dma-api-cpu-write .*\.cs:[0-9]+ in ", lines[^2]);
    }

    [Fact]
    public void ARightDriverIsNotReportedInAnyWay() => Check(false, "", bench =>
    {
        using DmaMemory memory = bench.Domain.AllocateMemory(2 * Page);
        for (int i = 0; i < 3; i++)
        {
            Assert.Equal(IommuStatus.Ok, bench.Device.Map(memory, DmaDirection.Bidirectional, out DmaMapping whole));
            Assert.True(bench.Write(whole.Address, 1));
            whole.SyncForCpu();
            whole.SyncForDevice();
            whole.Dispose();
            Assert.Equal(IommuStatus.Ok, bench.Device.AllocateIova(2 * Page, out DmaIovaRange? range));
            Assert.Equal(IommuStatus.Ok, range!.Link(0, memory, 0, Page, DmaDirection.FromDevice));
            range.Unlink();
            Assert.Equal(IommuStatus.Ok, range.Link(0, memory, 0, 2 * Page, DmaDirection.ToDevice));
            range.Dispose();
            using DmaPool pool = bench.Device.CreatePool(64, 64);
            Assert.Equal(IommuStatus.Ok, pool.AllocateZeroed(out DmaPoolBlock block));
            pool.Free(block);
        }
    });

    private static DmaMapping Map<T>(DmaDeviceBench bench, Memory<T> memory, DmaDirection direction)
        where T : unmanaged
    {
        Assert.Equal(IommuStatus.Ok, bench.Device.Map(memory, direction, out DmaMapping mapping));
        return mapping;
    }

    /// <summary>Lets a driver work; exactly one finding of the kind is expected, or none at all.</summary>
    private static string[] Check(
        bool isMistake, string kind, Action<DmaDeviceBench> drive, bool lazy = false, bool bounces = false,
        bool identity = false)
    {
        using var output = new StringWriter(CultureInfo.InvariantCulture);
        var check = new DmaApiCheck(new CheckOptions(), Suppressions.None, () => output);
        using (check)
        {
            var options = new DmaDeviceOptions { Observer = check, BouncesAlways = bounces };
            using var bench = new DmaDeviceBench(lazy, identity, options);
            Assert.Equal(IommuStatus.Ok, bench.Device.SetMaskAndCoherent(64));
            drive(bench);
        }

        string[] lines = output.ToString().Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(isMistake ? 1 : 0, check.Found);
        if (isMistake) Assert.Contains($"ERROR: Ioasis: {kind}: test: ", lines[1], StringComparison.Ordinal);
        return lines;
    }
}
