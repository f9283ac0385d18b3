using System.Runtime.InteropServices;
using Ioasis.Core.Endpoints;
using Ioasis.Devices;
using Ioasis.Devices.Nvme;
using Ioasis.Memory;

namespace Ioasis.Tests.Devices.Nvme;

public sealed class NvmeControllerTests
{
    private const uint Ready = 1, Fatal = 2;

    [Theory]
    [InlineData(NvmeBench.Enabled | (1 << 4))]  // another command set
    [InlineData(NvmeBench.Enabled | (5 << 7))]  // pages of 128 KiB
    [InlineData(NvmeBench.Enabled | (1 << 11))] // weighted arbitration
    public void AConfigurationThatCannotBeIsFatal(uint configuration)
    {
        using var bench = new NvmeBench(start: false);
        bench.Enable(configuration);
        Assert.Equal(Fatal, bench.Status);
        bench.Set(0);
        Assert.Equal(0u, bench.Status);
        bench.Enable();
        Assert.Equal(Ready, bench.Status);
    }

    [Fact]
    public void AdminQueuesThatCannotBeAreFatal()
    {
        using var bench = new NvmeBench(start: false);
        bench.Enable(entries: 1);
        Assert.Equal(Fatal, bench.Status);
        bench.Enable(submissions: NvmeBench.Base + 64);
        Assert.Equal(Fatal, bench.Status);
        bench.Enable(completions: NvmeBench.Base + 0x10010);
        Assert.Equal(Fatal, bench.Status);
    }

    [Fact]
    public void CommandsBeforeTheEndOfAQueuesMemoryAreDone()
    {
        using var bench = new NvmeBench();
        const uint Entries = 128, There = 64; // the second page of the queue is missing
        const ulong Queue = NvmeBench.Base + NvmeBench.Size - 0x1000;
        DriverQueue queue = bench.New(1, Entries);
        Assert.Equal(NvmeStatus.Success, bench.CreateCq(1, Entries, queue.Completions).Status);
        Assert.Equal(NvmeStatus.Success, bench.CreateSq(1, Entries, Queue, 1).Status);
        for (uint i = 0; i < There; i++)
        {
            var flush = new Command { Id = (ushort)i, Nsid = 1 };
            bench.Memory.CopyFrom(Queue - NvmeBench.Base + (i * 64),
                MemoryMarshal.AsBytes(new ReadOnlySpan<Command>(in flush)));
        }

        bench.Doorbell(2, 10); // then the commands that are read at once lie on both sides of the end
        for (uint i = 0; i < There; i++)
        {
            if (i == 10) bench.Doorbell(2, There + 2);
            Done done = bench.Reap(queue);
            Assert.Equal((NvmeStatus.Success, (ushort)i, (ushort)(i + 1)), (done.Status, done.CommandId, done.SqHead));
        }

        SlotBench.Until(() => bench.Status == (Ready | Fatal));
        Assert.False(bench.HasCompletion(queue));
    }

    [Fact]
    public void AQueueWhoseMemoryDoesNotAnswerIsFatal()
    {
        using var bench = new NvmeBench(start: false);
        bench.Enable(submissions: NvmeBench.Nowhere);
        bench.Doorbell(0, 1);
        SlotBench.Until(() => bench.Status == (Ready | Fatal));
        bench.Enable(completions: NvmeBench.Nowhere);
        Assert.Equal(Ready, bench.Status);
        bench.Put(bench.Admin, new Command { Opcode = 8 });
        bench.Ring(bench.Admin);
        SlotBench.Until(() => bench.Status == (Ready | Fatal));
        Assert.Equal(0, bench.Slots.Messages);
        bench.Enable();
        bench.Slots.Endpoint.Block = SendBlock.BusMasterDisabled;
        bench.Doorbell(0, 1);
        SlotBench.Until(() => bench.Status == (Ready | Fatal));
    }

    [Fact]
    public void AResetForgetsQueuesButNotBlocks()
    {
        using var bench = new NvmeBench();
        DriverQueue queue = bench.Create(1);
        byte[] bytes = bench.Fill(NvmeBench.Data, 512, 9);
        Assert.Equal(NvmeStatus.Success,
            bench.Do(queue, new Command { Opcode = 1, Nsid = 1, Prp1 = NvmeBench.Data, Cdw10 = 77 }).Status);
        bench.Set(0);
        Assert.Equal((0u, 0UL), (bench.Status, bench.Slots.Slot.Read(0, 0x1008, 4)));
        bench.Doorbell(2, 3); // while it is off
        Assert.Equal(0UL, bench.Slots.Slot.Read(0, 0x1008, 4));
        bench.Enable();
        Assert.Equal(NvmeStatus.Success, bench.Do(
                bench.Create(1), new Command { Opcode = 2, Nsid = 1, Prp1 = NvmeBench.Data + 512, Cdw10 = 77 }).Status);
        Assert.Equal(bytes, bench.Bytes(NvmeBench.Data + 512, 512));
        bench.Slots.Slot.Reset(); // by its function
        Assert.Equal((0u, 0UL), (bench.Status, bench.Slots.Slot.Read(0, 0x28, 8)));
        bench.Enable();
        Assert.Equal(NvmeStatus.Success, bench.Do(bench.Create(1),
                new Command { Opcode = 2, Nsid = 1, Prp1 = NvmeBench.Data + 1024, Cdw10 = 77 }).Status);
        Assert.Equal(bytes, bench.Bytes(NvmeBench.Data + 1024, 512));
    }

    [Theory]
    [InlineData(1u)]
    [InlineData(2u)]
    public void AShutdownIsComplete(uint how)
    {
        using var bench = new NvmeBench();
        bench.Set(NvmeBench.Enabled | (how << 14));
        SlotBench.Until(() => bench.Status == (Ready | 8));
        bench.Enable();
        Assert.Equal(Ready, bench.Status);
        Assert.Equal(NvmeStatus.Success, bench.Do(bench.Admin, new Command { Opcode = 8 }).Status);
    }

    [Fact]
    public void WithoutMessagesTheLineTellsOfCompletionsThatWereNotSeen()
    {
        using var bench = new NvmeBench(messages: false);
        bench.Put(bench.Admin, new Command { Opcode = 8 });
        bench.Ring(bench.Admin);
        bench.Reap(bench.Admin, ring: false);
        SlotBench.Until(() => bench.Slots.Slot.LineAsserted);
        bench.Slots.Slot.Write(0, 0x0c, 4, 1);
        Assert.False(bench.Slots.Slot.LineAsserted);
        bench.Slots.Slot.Write(0, 0x10, 4, 1);
        Assert.True(bench.Slots.Slot.LineAsserted);
        bench.Doorbell(1, bench.Admin.Head);
        Assert.False(bench.Slots.Slot.LineAsserted);
    }

    [Fact]
    public void StoresToAMappingAreEnough()
    {
        using var bench = new NvmeBench(start: false);
        HostBlock registers = bench.Slots.MapBar(0);
        for (int round = 0; round < 5; round++)
        {
            registers.Write(0x14UL, 0u);
            SlotBench.Until(() => registers.Read<uint>(0x1c) == 0);
            DriverQueue admin = bench.New(0, 4);
            registers.Write(0x24UL, 0x00030003u);
            registers.Write(0x28UL, admin.Submissions);
            registers.Write(0x30UL, admin.Completions);
            registers.Write(0x14UL, NvmeBench.Enabled);
            SlotBench.Until(() => registers.Read<uint>(0x1c) == Ready);
            for (int i = 0; i < 20; i++)
            {
                ushort id = bench.Put(admin, new Command { Opcode = 8 });
                registers.Write(0x1000UL, admin.Tail);
                Assert.Equal(id, bench.Reap(admin, ring: false).CommandId);
                registers.Write(0x1004UL, admin.Head);
            }
        }
    }

    [Fact]
    public void GarbageInQueuesAndDoorbellsEndsInAStatus()
    {
        var random = new Random(1);
        using var bench = new NvmeBench();
        byte[] garbage = new byte[0x40000];
        for (int round = 0; round < 30; round++)
        {
            bench.Enable();
            bench.Create(1);
            bench.Create(2);
            random.NextBytes(garbage);
            bench.Memory.CopyFrom(0, garbage);
            for (int i = 0; i < 50; i++)
                bench.Doorbell(random.Next(40), random.Next(4) == 0 ? (uint)random.Next() : (uint)random.Next(20));
            if (round % 3 == 0) bench.Set((uint)random.Next());
            if (round % 5 == 0) bench.Slots.Slot.Reset();
        }

        bench.Enable();
        Assert.Equal(NvmeStatus.Success, bench.Do(bench.Admin, new Command { Opcode = 8 }).Status);
    }

    [Fact]
    public void BlocksAreInTheFile()
    {
        string path = Path.GetTempFileName();
        try
        {
            File.WriteAllBytes(path, [1, 2, 3]);
            using (var bench = new NvmeBench(new NvmeOptions { File = path, Size = 10_000 }))
            {
                DriverQueue queue = bench.Create(1);
                byte[] bytes = bench.Fill(NvmeBench.Data, 512, 9);
                Assert.Equal(NvmeStatus.Success, bench.Do(queue, new Command
                {
                    Opcode = 1,
                    Nsid = 1,
                    Prp1 = NvmeBench.Data,
                    Cdw10 = 18,
                    Cdw12 = 1 << 30
                }).Status);
                Assert.Equal(NvmeStatus.LbaRange,
                    bench.Do(queue, new Command { Opcode = 1, Nsid = 1, Prp1 = NvmeBench.Data, Cdw10 = 19 }).Status);
                Assert.Equal(bytes, File.ReadAllBytes(path).AsSpan(18 * 512, 512));
                Assert.Equal(NvmeStatus.Success,
                    bench.Do(queue, new Command { Opcode = 8, Nsid = 1, Cdw10 = 18 }).Status);
                Assert.Equal(NvmeStatus.Success, bench.Do(queue, new Command { Opcode = 0, Nsid = 1 }).Status);
                Assert.Equal(new byte[512], File.ReadAllBytes(path).AsSpan(18 * 512, 512));
            }

            using (FileStream shorter = File.Open(path, FileMode.Open, FileAccess.Write, FileShare.ReadWrite))
                shorter.SetLength(10_240);
            using (var bench = new NvmeBench(new NvmeOptions { File = path }))
            {
                using (FileStream shorter = File.Open(path, FileMode.Open, FileAccess.Write, FileShare.ReadWrite))
                    shorter.SetLength(0);
                Assert.Equal(NvmeStatus.ReadError, bench.Do(bench.Create(1),
                        new Command { Opcode = 2, Nsid = 1, Prp1 = NvmeBench.Data, Cdw10 = 18 }).Status);
            }

            Assert.Throws<ArgumentException>(() => new NvmeBench(new NvmeOptions { File = path }));
        }
        finally
        {
            File.Delete(path);
        }

        Assert.Throws<ArgumentException>(() => new NvmeBench(new NvmeOptions { File = path }));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(17)]
    public void QueuesThatTheRegistersHaveNoRoomForAreRefused(int queues) =>
        Assert.Throws<ArgumentOutOfRangeException>(() => new NvmeDevice(new NvmeOptions { Queues = queues }));
}
