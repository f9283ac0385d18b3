using System.Buffers.Binary;
using Ioasis.Abi;
using Ioasis.Iommufd.Files;
using Ioasis.Machine.Nodes;

namespace Ioasis.MessageNodes;

/// <summary>/dev/echo: a number that is written comes back as a record, and so does an ioctl's argument.</summary>
[MachineNode("echo")]
public sealed class EchoNode : IMachineNode
{
    public string Path => "/dev/echo";

    public uint Major => 241;

    public uint Minor => 0;

    public uint Mode => 0x1b6;

    public string Driver => "echo";

    public NodeContent Content => NodeContent.Messages;

    public Errno Open(ICarrier carrier, out NodeFile? file)
    {
        file = new EchoFile();
        return Errno.None;
    }

    private sealed class EchoFile : QueueFile
    {
        private const uint Say = 0xaf71; // _IO(0xaf, 0x71)
        private readonly Queue<ulong> _numbers = [];

        public override string Name => "[echo]";

        public override bool IsReadable
        {
            get { lock (_numbers) return _numbers.Count != 0; }
        }

        public override int ResponseSize => sizeof(ulong);

        public override SysResult Ioctl(ICaller caller, uint command, ulong argument)
        {
            if (command != Say) return Errno.ENOTTY;
            Add(argument);
            return SysResult.Ok();
        }

        public override Errno Answer(ReadOnlySpan<byte> response)
        {
            Add(BinaryPrimitives.ReadUInt64LittleEndian(response));
            return Errno.None;
        }

        public override int TryTake(Span<byte> room)
        {
            lock (_numbers)
            {
                if (!_numbers.TryDequeue(out ulong number)) return 0;
                BinaryPrimitives.WriteUInt64LittleEndian(room, number);
                return sizeof(ulong);
            }
        }

        public override void Close()
        {
        }

        private void Add(ulong number)
        {
            lock (_numbers) _numbers.Enqueue(number);
            Wake();
        }
    }
}
