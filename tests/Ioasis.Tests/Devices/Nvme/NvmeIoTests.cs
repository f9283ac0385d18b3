using Ioasis.Devices;
using Ioasis.Devices.Nvme;

namespace Ioasis.Tests.Devices.Nvme;

public sealed class NvmeIoTests : IDisposable
{
    private const byte Flush = 0, Write = 1, Read = 2, WriteZeroes = 8, Dsm = 9;
    private const ulong Lists = NvmeBench.Lists, Data = NvmeBench.Data;
    private const uint Blocks = 4096;
    private readonly NvmeBench _bench = new(new NvmeOptions { Size = Blocks * 512 });
    private readonly DriverQueue _queue;

    public NvmeIoTests() => _queue = _bench.Create(1);

    public void Dispose() => _bench.Dispose();

    [Theory]
    [InlineData(0, 512)]       // within a page
    [InlineData(0x80, 512)]
    [InlineData(0xe00, 512)]   // to its end
    [InlineData(0xe04, 512)]   // into the second, by PRP2
    [InlineData(0, 8192)]
    [InlineData(4, 8192)]      // three pages: a list
    [InlineData(0, 12288)]
    [InlineData(0xffc, 65536)]
    [InlineData(0x10, 524288)] // the longest
    public void DataIsWhereItsPagesAre(int offset, int count)
    {
        byte[] bytes = _bench.Fill(Data + (uint)offset, count, count);
        Assert.Equal(NvmeStatus.Success, Transfer(Write, 3, Data + (uint)offset, count, Lists).Status);
        ulong back = Data + 0x100000 + (0x1000 - (uint)offset & 0xffc);
        // the list begins within its page
        Assert.Equal(NvmeStatus.Success, Transfer(Read, 3, back, count, Lists + 0x2000 + 8).Status);
        Assert.Equal(bytes, _bench.Bytes(back, count));
        // and goes on in another
        Assert.Equal(NvmeStatus.Success, Transfer(Read, 3, back, count, Lists + 0x3000 - 16).Status);
        Assert.Equal(bytes, _bench.Bytes(back, count));
        Assert.Equal(NvmeStatus.Success, Transfer(Read, 3, back, count, Lists + 0x3000 - 8).Status);
        Assert.Equal(bytes, _bench.Bytes(back, count));
    }

    [Fact]
    public void PagesCanBeLarger()
    {
        _bench.Enable(NvmeBench.Enabled | (4 << 7)); // 64 KiB
        DriverQueue queue = _bench.Create(2);
        byte[] bytes = _bench.Fill(Data + 0x8000, 65536 + 512, 5);
        var write = new Command { Opcode = Write, Nsid = 1, Prp1 = Data + 0x8000, Prp2 = Data + 0x10000, Cdw12 = 128 };
        Assert.Equal(NvmeStatus.Success, _bench.Do(queue, write).Status);
        Assert.Equal(NvmeStatus.PrpInvalidOffset, _bench.Do(queue, write with { Prp2 = Data + 0x11000 }).Status);
        Assert.Equal(NvmeStatus.Success,
            _bench.Do(queue, write with { Opcode = Read, Prp1 = Data + 0x30000, Prp2 = Data + 0x40000 }).Status);
        Assert.Equal(bytes, _bench.Bytes(Data + 0x30000, bytes.Length));
        Assert.Equal(NvmeStatus.PrpInvalidOffset, _bench.CreateCq(3, 8, NvmeBench.Base + 0x61000).Status);
    }

    [Fact]
    public void OffsetsThatPagesMayNotHaveAreRefused()
    {
        Assert.Equal(NvmeStatus.PrpInvalidOffset, Do(Read, Data + 2, 0, 512));
        Assert.Equal(NvmeStatus.PrpInvalidOffset, Do(Read, Data, Data + 0x1004, 8192));
        Assert.Equal(NvmeStatus.PrpInvalidOffset, Do(Read, Data, Lists + 4, 16384));
        _bench.Memory.Write(Lists - NvmeBench.Base, Data + 0x1000);
        _bench.Memory.Write(Lists - NvmeBench.Base + 8, Data + 0x2004);
        Assert.Equal(NvmeStatus.PrpInvalidOffset, Do(Read, Data, Lists, 16384));
        _bench.Memory.Write(Lists - NvmeBench.Base + 0xff8, Lists + 0x1008); // a list that goes on within a page
        Assert.Equal(NvmeStatus.PrpInvalidOffset, Do(Read, Data, Lists + 0xff8, 16384));
    }

    [Fact]
    public void AListThatLeadsToItselfEnds()
    {
        for (ulong at = 0; at < 0x1000; at += 8) _bench.Memory.Write(Lists - NvmeBench.Base + at, Lists);
        Assert.Equal(NvmeStatus.Success, Do(Write, Data, Lists + 0xff8, 524288)); // the pages of data are the list
        Assert.Equal(NvmeStatus.Success, Do(Write, Data, Lists, 524288));
        _bench.Create(2);
    }

    [Fact]
    public void MemoryThatIsNotThereIsATransferError()
    {
        Assert.Equal(NvmeStatus.DataXferError, Do(Read, NvmeBench.Nowhere, 0, 512));
        Assert.Equal(NvmeStatus.DataXferError, Do(Write, Data, NvmeBench.Nowhere, 8192));
        Assert.Equal(NvmeStatus.DataXferError, Do(Write, Data, NvmeBench.Nowhere, 16384));
        _bench.Memory.Write(Lists - NvmeBench.Base + 0xff8, NvmeBench.Nowhere);
        Assert.Equal(NvmeStatus.DataXferError, Do(Read, Data, Lists + 0xff8, 16384));
        Assert.Equal(NvmeStatus.DataXferError,
            _bench.Do(_queue, new Command { Opcode = Dsm, Nsid = 1, Prp1 = NvmeBench.Nowhere, Cdw11 = 4 }).Status);
        Assert.Equal(1u, _bench.Status);
        Assert.NotEqual(0, _bench.Slots.Endpoint.Unit.Faults.Count);
    }

    [Fact]
    public void AWriteWhoseDataCannotBeReadChangesNoBlock()
    {
        byte[] bytes = _bench.Fill(Data, 8192, 3);
        Assert.Equal(NvmeStatus.Success, Transfer(Write, 0, Data, 8192, Lists).Status);
        _bench.Fill(Data, 4096, 4);
        Assert.Equal(NvmeStatus.DataXferError, Do(Write, Data, NvmeBench.Nowhere, 8192));
        Assert.Equal(NvmeStatus.Success, Transfer(Read, 0, Data, 8192, Lists).Status);
        Assert.Equal(bytes, _bench.Bytes(Data, 8192));
    }

    [Theory]
    [InlineData(Blocks, 1u)]
    [InlineData(Blocks - 1, 2u)]
    [InlineData(ulong.MaxValue, 1u)]
    [InlineData(ulong.MaxValue - 5, 8u)]
    public void BlocksThatThereAreNotAreRefused(ulong block, uint count)
    {
        foreach (byte opcode in (byte[])[Read, Write, WriteZeroes])
        {
            Assert.Equal(NvmeStatus.LbaRange, _bench.Do(_queue, new Command
            {
                Opcode = opcode,
                Nsid = 1,
                Prp1 = Data,
                Cdw10 = (uint)block,
                Cdw11 = (uint)(block >> 32),
                Cdw12 = count - 1,
            }).Status);
        }

        _bench.Memory.Write(Data - NvmeBench.Base + 4, count);
        _bench.Memory.Write(Data - NvmeBench.Base + 8, block);
        Assert.Equal(NvmeStatus.LbaRange,
            _bench.Do(_queue, new Command { Opcode = Dsm, Nsid = 1, Prp1 = Data, Cdw11 = 4 }).Status);
        // only advice
        Assert.Equal(NvmeStatus.Success,
            _bench.Do(_queue, new Command { Opcode = Dsm, Nsid = 1, Prp1 = Data, Cdw11 = 1 }).Status);
    }

    [Fact]
    public void WhatNoCommandCanBeIsRefused()
    {
        Assert.Equal(NvmeStatus.InvalidOpcode, _bench.Do(_queue, new Command { Opcode = 0x7f, Nsid = 1 }).Status);
        Assert.Equal(NvmeStatus.InvalidOpcode, _bench.Do(_queue, new Command { Opcode = 5, Nsid = 1 }).Status);
        Assert.Equal(NvmeStatus.InvalidNs, _bench.Do(_queue, new Command { Opcode = Read, Nsid = 0 }).Status);
        Assert.Equal(NvmeStatus.InvalidNs, _bench.Do(_queue, new Command { Opcode = Read, Nsid = 0xffffffff }).Status);
        Assert.Equal(NvmeStatus.Success, _bench.Do(_queue, new Command { Opcode = Flush, Nsid = 0xffffffff }).Status);
        Assert.Equal(NvmeStatus.Success, _bench.Do(_queue, new Command { Opcode = Flush, Nsid = 1 }).Status);
        Assert.Equal(NvmeStatus.InvalidNs, _bench.Do(_queue, new Command { Opcode = Flush }).Status);
        // too long
        Assert.Equal(NvmeStatus.InvalidField,
            _bench.Do(_queue, new Command { Opcode = Read, Nsid = 1, Prp1 = Data, Cdw12 = 1024 }).Status);
        Assert.Equal(NvmeStatus.InvalidField,
            _bench.Do(_queue, new Command { Opcode = Read, Nsid = 1, Prp1 = Data, Flags = 0x80 }).Status);
    }

    [Fact]
    public void ZeroesAndDeallocatedBlocksReadAsZeros()
    {
        _bench.Fill(Data, 8192, 1);
        Assert.Equal(NvmeStatus.Success, Transfer(Write, 0, Data, 8192, Lists).Status);
        Assert.Equal(NvmeStatus.Success,
            _bench.Do(_queue, new Command { Opcode = WriteZeroes, Nsid = 1, Cdw10 = 1, Cdw12 = 1 }).Status);
        Assert.Equal(NvmeStatus.Success,
            _bench.Do(_queue, new Command { Opcode = WriteZeroes, Nsid = 1, Cdw10 = 2048, Cdw12 = 2047 }).Status);
        _bench.Memory.Write(Lists - NvmeBench.Base + 4, 1u);
        _bench.Memory.Write(Lists - NvmeBench.Base + 8, 5UL);
        _bench.Memory.Write(Lists - NvmeBench.Base + 20, 2u);
        _bench.Memory.Write(Lists - NvmeBench.Base + 24, 7UL);
        byte[] expected = _bench.Bytes(Data, 8192);
        Assert.Equal(NvmeStatus.Success,
            _bench.Do(_queue, new Command { Opcode = Dsm, Nsid = 1, Prp1 = Lists, Cdw10 = 1, Cdw11 = 4 }).Status);
        foreach (int block in (int[])[1, 2, 5, 7, 8]) expected.AsSpan(block * 512, 512).Clear();
        Assert.Equal(NvmeStatus.Success, Transfer(Read, 0, Data, 8192, Lists).Status);
        Assert.Equal(expected, _bench.Bytes(Data, 8192));
    }

    [Fact]
    public void CommandsEndInOrderWhileTheQueueWraps()
    {
        DriverQueue queue = _bench.Create(2, entries: 3);
        for (uint i = 0; i < 20; i++)
        {
            ushort first = _bench.Put(queue, new Command { Opcode = Flush, Nsid = 1 });
            ushort second = _bench.Put(queue, new Command { Opcode = Flush, Nsid = 2 });
            _bench.Ring(queue);
            Done done = _bench.Reap(queue);
            Assert.Equal((first, NvmeStatus.Success, (ushort)2), (done.CommandId, done.Status, done.SqId));
            Assert.Equal((second, NvmeStatus.InvalidNs),
                (_bench.Reap(queue) is var last ? last.CommandId : 0, last.Status));
        }
    }

    [Fact]
    public void AFullCompletionQueueHoldsCommandsUp()
    {
        DriverQueue queue = _bench.New(2, 16);
        Assert.Equal(NvmeStatus.Success, _bench.CreateCq(2, 3, queue.Completions).Status); // room for two
        Assert.Equal(NvmeStatus.Success, _bench.CreateSq(2, 16, queue.Submissions, 2).Status);
        var driver = new DriverQueue(2, 3);
        for (int i = 0; i < 5; i++) _bench.Put(queue, new Command { Opcode = Flush, Nsid = 1 });
        _bench.Ring(queue);
        _bench.Reap(driver, ring: false);
        _bench.Reap(driver, ring: false);
        // others go on
        Assert.Equal(NvmeStatus.Success, _bench.Do(_queue, new Command { Opcode = Flush, Nsid = 1 }).Status);
        Assert.False(_bench.HasCompletion(driver));
        _bench.Doorbell(5, 2);
        for (int i = 0; i < 3; i++) _bench.Reap(driver);
        Assert.False(_bench.HasCompletion(driver));
    }

    [Fact]
    public void SeveralQueuesShareACompletionQueue()
    {
        DriverQueue one = _bench.Create(2), other = _bench.New(3, 16);
        Assert.Equal(NvmeStatus.Success, _bench.CreateSq(3, 16, other.Submissions, 2).Status);
        for (int i = 0; i < 40; i++)
        {
            _bench.Put(one, new Command { Opcode = Flush, Nsid = 1 });
            _bench.Put(other, new Command { Opcode = Flush, Nsid = 1 });
            _bench.Ring(one);
            _bench.Ring(other);
            ushort[] came = [_bench.Reap(one).SqId, _bench.Reap(one).SqId];
            Assert.Equal((ushort[])[2, 3], came.Order());
        }
    }

    [Fact]
    public void EachQueueHasItsVector()
    {
        DriverQueue other = _bench.Create(2);
        _bench.Do(other, new Command { Opcode = Flush, Nsid = 1 });
        SlotBench.Until(() => _bench.Slots.LastVector == 2);
        _bench.Do(_queue, new Command { Opcode = Flush, Nsid = 1 });
        SlotBench.Until(() => _bench.Slots.LastVector == 1);
        DriverQueue silent = _bench.New(3, 8);
        _bench.CreateCq(3, 8, silent.Completions, flags: 1); // no interrupts
        _bench.CreateSq(3, 8, silent.Submissions, 3);
        SlotBench.Until(() => _bench.Slots.LastVector == 0);
        int before = _bench.Slots.Messages;
        _bench.Do(silent, new Command { Opcode = Flush, Nsid = 1 });
        Assert.Equal(before, _bench.Slots.Messages);
    }

    private NvmeStatus Do(byte opcode, ulong prp1, ulong prp2, int count) =>
        _bench.Do(_queue, new Command
        {
            Opcode = opcode,
            Nsid = 1,
            Prp1 = prp1,
            Prp2 = prp2,
            Cdw12 = (uint)(count / 512) - 1
        }).Status;

    /// <summary>
    /// A transfer whose list, if it has one, begins at an address and goes on in the pages from 0x10000 after it.
    /// </summary>
    private Done Transfer(byte opcode, uint block, ulong data, int count, ulong list)
    {
        ulong second = (data + 0x1000) & ~0xfffUL, end = data + (uint)count, at = list;
        for (ulong page = second; page < end; page += 0x1000, at += 8)
        {
            if ((at & 0xfff) == 0xff8 && end - page > 0x1000)
            {
                ulong next = (at + 0x10000) & ~0xfffUL;
                _bench.Memory.Write(at - NvmeBench.Base, next);
                at = next;
            }

            _bench.Memory.Write(at - NvmeBench.Base, page);
        }

        bool isList = end > second && end - second > 0x1000;
        return _bench.Do(_queue, new Command
        {
            Opcode = opcode,
            Nsid = 1,
            Prp1 = data,
            Prp2 = isList ? list : end > second ? second : 0,
            Cdw10 = block,
            Cdw12 = (uint)(count / 512) - 1,
        });
    }
}
