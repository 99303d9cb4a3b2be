import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3'

// node deploy/make-buckets.ts ENDPOINT BUCKET…: makes those that are not there. AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY open it.
const [, , endpoint, ...buckets] = process.argv
const client = new S3Client({ endpoint, region: 'us-east-1', forcePathStyle: true })
for (const bucket of buckets) {
  try {
    await client.send(new CreateBucketCommand({ Bucket: bucket }))
    console.log(`made the bucket ${bucket}`)
  } catch (error) {
    if ((error as Error).name !== 'BucketAlreadyOwnedByYou') throw error
  }
}
