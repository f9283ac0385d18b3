using Ioasis.Abi;
using Ioasis.Core.Dma;
using Ioasis.Iommufd.Compat;
using Ioasis.Iommufd.Ioctls;
using Ioasis.Iommufd.Objects;
using Ioasis.Memory;
using static Ioasis.Abi.IommufdH;

namespace Ioasis.Tests.Iommufd;

/// <summary>Invariant 8: nothing that a program writes can throw, hang or exhaust us.</summary>
public sealed class FuzzTests
{
    [Theory]
    [InlineData(21)]
    [InlineData(22)]
    public async Task RandomIoctlsFromSeveralThreadsAreAnsweredAndLeaveAWorkingContext(int seed)
    {
        var machine = new TestMachine();
        IommufdDevice device = machine.Bind();
        uint ioas = machine.NewIoas(), attached = ioas;
        Assert.Equal(Errno.None, device.Attach(null, ref attached));
        Task[] programs =
        [
            .. Enumerable.Range(0, 3).Select(i => Task.Run(
                () => Hammer(machine.Context, new Random((seed * 100) + i), device.Id), TestContext.Current.CancellationToken)),
        ];
        Task dma = Task.Run(
            () => Dma(device, new Random(seed), () => programs.All(p => p.IsCompleted)), TestContext.Current.CancellationToken);
        await Task.WhenAll(programs);
        await dma;

        // The context still works, and gives everything back.
        HostBlock block = machine.Program.Own.Allocate(0x1000);
        ulong all = ulong.MaxValue;
        if (machine.Unmap(ioas, 0, ref all) == Errno.None)
        {
            Assert.Equal(Errno.None, machine.Map(ioas, 0x40_0000, (ulong)block.Address, 0x1000));
            using DmaPort port = device.Endpoint.OpenPort();
            Assert.True(port.Read(new Iova(0x40_0000), new byte[8]).IsOk);
        }

        device.Detach(null);
        device.Unbind();
        machine.Context.Close();
        Assert.Equal(0, machine.Context.Objects.Count);
        machine.Program.Own.Free(block);
        Assert.False(block.TryAddReference());
    }

    private static void Hammer(IommufdContext context, Random random, uint device)
    {
        var program = new TestCaller();
        HostBlock buffer = program.Own.Allocate(0x10000);
        byte[] bytes = new byte[256];
        (uint Number, int Size)[] rows = [.. IoctlTable.All.Select(r => (r.Number, r.Size)), .. CompatTable.All.Select(r => (r.Number, r.Size))];
        for (int i = 0; i < 30_000; i++)
        {
            (uint number, int structure) = rows[random.Next(rows.Length)];
            random.NextBytes(bytes);

            // Fields that make sense most of the time, or nothing would get beyond the first check.
            for (int word = 0; word < structure; word += 4)
            {
                uint value = random.Next(8) switch
                {
                    0 => (uint)random.Next(),
                    1 => uint.MaxValue,
                    2 => device,
                    3 => (uint)random.Next(16) << 12,
                    _ => (uint)random.Next(6),
                };
                BitConverter.TryWriteBytes(bytes.AsSpan(word), value);
                if (word % 8 == 0 && random.Next(3) == 0)
                    BitConverter.TryWriteBytes(bytes.AsSpan(word), (ulong)buffer.Address + (ulong)(random.Next(16) << 12));
            }

            int size = random.Next(6) == 0 ? random.Next(200) : structure;
            BitConverter.TryWriteBytes(bytes, size);
            program.Own.TryWrite(new Hva(program.Scratch), bytes);
            uint command = random.Next(20) == 0 ? IOMMU_DESTROY + (uint)random.Next(40) : number;
            ulong argument = structure == 0 ? (ulong)random.Next(12) : random.Next(20) == 0 ? (ulong)random.NextInt64() : program.Scratch;
            SysResult result = context.Ioctl(program, command, argument);
            Assert.True(result.IsOk || result.Errno != Errno.None);
        }

        program.CloseQueues();
    }

    private static void Dma(IommufdDevice device, Random random, Func<bool> done)
    {
        using DmaPort port = device.Endpoint.OpenPort();
        byte[] data = new byte[64];
        while (!done())
        {
            for (int i = 0; i < 1000; i++)
            {
                port.Read(new Iova((ulong)random.Next(64) << 12), data);
                port.Write(new Iova((ulong)random.NextInt64()), data);
            }
        }
    }
}
