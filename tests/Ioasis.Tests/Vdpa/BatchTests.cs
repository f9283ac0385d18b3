using Ioasis.Abi;
using Ioasis.Core.Dma;
using Ioasis.Memory;
using static Ioasis.Abi.VhostH;
using static Ioasis.Tests.Vdpa.VdpaProgram;

namespace Ioasis.Tests.Vdpa;

/// <summary>Batches of messages: a running device sees all of a batch or nothing.</summary>
public sealed class BatchTests
{
    private const long Fault = -(long)Errno.EFAULT;

    [Fact]
    public void ABatchIsOfOneAddressSpace()
    {
        using var program = new VdpaProgram();
        Assert.Equal(Errno.None, program.Ioctl(VHOST_SET_BACKEND_FEATURES, 0x1eul));
        Assert.Equal(Fault, program.Send(End)); // no address space yet
        Assert.Equal(Whole, program.Send(Begin));
        Assert.Equal(Whole, program.Send(Begin));
        Assert.Equal(Fault, program.Send(Update, 0x8000, Page, program.Memory, asid: 1));
        Assert.Equal(Fault, program.Send(Begin, asid: 1));
        Assert.Equal(Fault, program.Send(End, asid: 1));
        Assert.Equal(Errno.None, program.SetStatus(0)); // a reset does not end it
        Assert.Equal(Fault, program.Send(Update, 0x8000, Page, program.Memory, asid: 1));
        Assert.Equal(Whole, program.Send(End));
        Assert.Equal(Whole, program.Send(End));
        Assert.Equal(Whole, program.Send(Update, 0x8000, Page, program.Memory, asid: 1));
    }

    [Fact]
    public void ARunningDeviceSeesABatchAtItsEnd()
    {
        using var program = new VdpaProgram();
        using DmaPort port = program.OpenPort();
        program.Pins.Limit = 4 * Page;
        program.Caller.Put(program.Memory, 1ul);
        program.Caller.Put(program.Memory + (8 * Page), 2ul);
        Assert.Equal(Whole, program.Send(Update, 0x1000, 4 * Page, program.Memory));
        program.Run();
        Assert.Equal(Whole, program.Send(Begin));
        Assert.Equal(Whole, program.Send(Invalidate, 0, 0));
        Assert.Equal(0ul, program.Pins.Pinned);
        Assert.Equal(1ul, Read(0x1000));
        Assert.Equal(Whole, program.Send(Update, 0x1000, 2 * Page, program.Memory + (8 * Page)));
        Assert.Equal(Fault, program.Send(Update, 0x2000, Page, program.Memory)); // errors are told at once
        Assert.Equal(Whole, program.Send(Update, 0x8000, Page, program.Memory));
        Assert.Equal(3ul, program.Pins.Pinned);
        Assert.Equal(1ul, Read(0x1000));
        Assert.Null(Read(0x8000));
        Assert.Equal(Whole, program.Send(End));
        Assert.Equal(2ul, Read(0x1000));
        Assert.Equal(1ul, Read(0x8000));
        Assert.Null(Read(0x4000));
        Assert.Equal(3ul, program.Pins.Pinned);
        program.Close();
        Assert.Equal(0ul, program.Pins.Pinned);

        ulong? Read(ulong iova)
        {
            byte[] bytes = new byte[8];
            return port.Read(new Iova(iova), bytes).IsOk ? BitConverter.ToUInt64(bytes) : null;
        }
    }

    /// <summary>As QEMU and DPDK do: everything is taken out and mapped again, while the device works.</summary>
    [Fact]
    public void MemoryThatIsMappedAgainInABatchIsNeverMissed()
    {
        using var program = new VdpaProgram();
        program.Pins.Limit = 16 * Page;
        Assert.Equal(Whole, program.Send(Update, 0, 8 * Page, program.Memory));
        Assert.Equal(Whole, program.Send(Update, 8 * Page, 8 * Page, program.Memory + (8 * Page)));
        program.Run();
        int accesses = 0, faults = 0;
        bool stop = false;
        var device = new Thread(() =>
        {
            using DmaPort port = program.OpenPort();
            byte[] bytes = new byte[64];
            for (ulong at = 0; !Volatile.Read(ref stop); at = (at + 1056) % (15 * Page))
            {
                if (!port.Read(new Iova(at), bytes).IsOk || !port.Write(new Iova(at), bytes).IsOk) faults++;
                Interlocked.Increment(ref accesses);
            }
        });
        device.Start();
        for (int round = 0, seen = -1; round < 200; round++)
        {
            Assert.Equal(Whole, program.Send(Begin));
            Assert.Equal(Whole, program.Send(Invalidate, 0, ulong.MaxValue));
            Until.True(() => Volatile.Read(ref accesses) > seen + 1); // the device is at work meanwhile
            Assert.Equal(Whole, program.Send(Update, 0, 8 * Page, program.Memory));
            Assert.Equal(Whole, program.Send(Update, 8 * Page, 8 * Page, program.Memory + (8 * Page)));
            Assert.Equal(Whole, program.Send(End));
            seen = Volatile.Read(ref accesses);
        }

        Volatile.Write(ref stop, true);
        device.Join();
        Assert.Equal(0, faults);
        Assert.Equal(16ul, program.Pins.Pinned);
    }

    [Fact]
    public void AnOpenBatchGoesWithTheFile()
    {
        using var program = new VdpaProgram();
        using DmaPort port = program.OpenPort();
        Assert.Equal(Whole, program.Send(Update, 0x1000, Page, program.Memory));
        program.Run();
        Assert.Equal(Whole, program.Send(Begin));
        Assert.Equal(Whole, program.Send(Update, 0x8000, Page, program.Memory));
        program.Close();
        Assert.Equal(0ul, program.Pins.Pinned);
        Assert.False(port.Read(new Iova(0x1000), new byte[8]).IsOk);
        program.Open();
        Assert.Equal(Errno.None, program.Ioctl(VHOST_SET_OWNER));
        Assert.Equal(Errno.None, program.Ioctl(VHOST_SET_BACKEND_FEATURES, 0x1eul));
        Assert.Equal(Whole, program.Send(Update, 0x1000, Page, program.Memory, asid: 1));
    }

    /// <summary>An entry whose memory the program gave back meanwhile stays, as pinned pages do.</summary>
    [Fact]
    public void ABatchKeepsEntriesWhoseMemoryIsGone()
    {
        using var program = new VdpaProgram();
        using DmaPort port = program.OpenPort();
        HostBlock block = program.Caller.Allocate(Page);
        Assert.Equal(Whole, program.Send(Update, 0x1000, Page, (ulong)block.Address));
        program.Run();
        program.Caller.Free(block);
        Assert.Equal(Whole, program.Send(Begin));
        Assert.Equal(Whole, program.Send(Update, 0x8000, Page, program.Memory));
        Assert.Equal(Whole, program.Send(End));
        Assert.True(port.Write(new Iova(0x1000), new byte[8]).IsOk);
        Assert.True(port.Write(new Iova(0x8000), new byte[8]).IsOk);
    }
}
