using Ioasis.Abi;
using Ioasis.Iommufd.Files;
using Ioasis.Machine.Nodes;

namespace Ioasis.Host.Devices;

/// <summary>
/// An attribute of sysfs that a program writes texts to, with no answer of ours: an empty file that grows.
/// </summary>
internal sealed class WrittenText(VirtualFile attribute) : ICarrierChoice
{
    public string Path => attribute.Path;

    // It is no device, and has no number.
    public uint Major => 0;

    public uint Minor => 0;

    public uint Mode => attribute.Mode;

    public Errno TryCreate(string name, out Carrier? carrier) => Carrier.TryCreateFile(name, size: null, out carrier);

    public Errno Open(ICarrier carrier, out NodeFile? file)
    {
        file = new File((Carrier)carrier, attribute.Take!);
        return Errno.None;
    }

    /// <summary>An open one.</summary>
    internal sealed class File(Carrier carrier, Action<ReadOnlyMemory<byte>> take) : NodeFile, IWrittenFile
    {
        // sysfs takes a page with one call.
        private const int LongestText = 4096;

        private ulong _taken;

        public override SysResult Ioctl(ICaller caller, uint command, ulong argument) => Errno.ENOTTY;

        /// <summary>
        /// Takes what has been added at the end, where the file position is; else what stands at the beginning, where
        /// pwrite(2) may have put it. Taken bytes are made zero, so that they are told from new ones.
        /// </summary>
        public void Written()
        {
            if (carrier.Length is var length && length > _taken)
            {
                ulong start = Math.Max(_taken, length > LongestText ? length - LongestText : 0);
                byte[] text = carrier.Read(start, (int)(length - start));
                _taken = length;
                Take(text);
            }
            else
            {
                byte[] text = carrier.Read(0, (int)Math.Min(_taken, LongestText));
                int end = text.AsSpan().LastIndexOfAnyExcept((byte)0);
                if (end >= 0) Take(text[..(end + 1)]);
            }
        }

        public override void Close() => Written();

        // A text ends with a newline: several that were written before we looked come one by one.
        private void Take(byte[] text)
        {
            carrier.Clear();
            for (int start = 0; start < text.Length;)
            {
                int end = Array.IndexOf(text, (byte)'\n', start);
                end = end < 0 ? text.Length : end + 1;
                take(text.AsMemory(start, end - start));
                start = end;
            }
        }
    }
}
